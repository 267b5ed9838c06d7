// What can be looked up: a DID or an at-uri, as https://atproto.com/specs/did and /specs/at-uri-scheme have them.

const DID = "did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]";
const PART = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const NAME = `${PART}(?:\\.${PART})+`;
const RECORD_KEY = "(?!\\.{1,2}$)[A-Za-z0-9._:~-]{1,512}";
const SUBJECT = new RegExp(`^(?:${DID}|at://(?:${DID}|${NAME})(?:/${NAME}(?:/${RECORD_KEY})?)?)$`);

/** Whether it is one by its form; labels may be about anything, and the service looks up nothing else. */
export function isSubject(text: string): boolean {
  return SUBJECT.test(text);
}
