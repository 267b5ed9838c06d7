// What a declaration says. Its author may have written anything anywhere, so nothing is taken for what it should be.

export interface Declared {
  val: string;
  name?: string;
  description?: string;
  lang?: string;
  severity?: string;
  blurs?: string;
  setting?: string;
  adult?: boolean;
}

export function declared(record: unknown, languages: readonly string[]): Declared[] {
  const policies = object(object(record)["policies"]);
  const definitions = list(policies["labelValueDefinitions"]).map(object);
  const byName = new Map<unknown, Record<string, unknown>>();
  for (const definition of definitions) {
    if (!byName.has(definition["identifier"])) byName.set(definition["identifier"], definition);
  }
  const named = list(policies["labelValues"]).filter(isText);
  const all = [...named, ...definitions.map(({ identifier }) => identifier).filter(isText)];
  return [...new Set(all)].map((val) => {
    const definition = byName.get(val);
    return definition ? { val, ...defined(definition, languages) } : { val };
  });
}

function defined(definition: Record<string, unknown>, languages: readonly string[]): Omit<Declared, "val"> {
  const words = inLanguage(list(definition["locales"]).map(object), languages);
  return {
    ...text("name", words["name"]),
    ...text("description", words["description"]),
    ...text("lang", words["lang"]),
    ...text("severity", definition["severity"]),
    ...text("blurs", definition["blurs"]),
    ...text("setting", definition["defaultSetting"]),
    ...(definition["adultOnly"] === true ? { adult: true } : {}),
  };
}

/** In the reader's language, else in English, else in the first there is. */
function inLanguage(locales: Record<string, unknown>[], languages: readonly string[]): Record<string, unknown> {
  const main = (lang: unknown) => (isText(lang) ? (lang.toLowerCase().split("-")[0] ?? "") : "");
  for (const wanted of [...languages, "en"]) {
    const found = locales.find(({ lang }) => main(lang) === main(wanted));
    if (found) return found;
  }
  return locales[0] ?? {};
}

function text<Name extends string>(name: Name, value: unknown): { [key in Name]?: string } {
  return isText(value) ? ({ [name]: value } as { [key in Name]?: string }) : {};
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
