// The @atproto packages as readers of labeltap. They follow its subscribeLabels or page through its queryLabels,
// hold every message against the lexicon, and check every signature by the key in the labeler's DID document.
//
//   reread.js stream URL PLC COUNT [CURSOR]   COUNT frames from CURSOR (0) on; a line for each label:
//                                             {"seq", "label", "verifies", "invalid"?}
//   reread.js pages URL PLC LIMIT [FLAG...]   the labels of all URIs, a page for each line of standard input, a line
//                                             for each page: {"labels": [...], "cursor"?}, with labels as above;
//                                             FLAGs are fields of the query that are true
//
// `label` is its DAG-CBOR, encoded again from what the packages decoded, in base64.
import { createInterface } from 'node:readline'
import { AtpAgent, lexicons } from '@atproto/api'
import { getVerificationMaterial } from '@atproto/common-web'
import { verifySignature } from '@atproto/crypto'
import { getDidKeyFromMultibase, IdResolver } from '@atproto/identity'
import { encode } from '@atproto/lex-cbor'
import { Subscription } from '@atproto/xrpc-server'

const SUBSCRIBE = 'com.atproto.label.subscribeLabels'
const SILENCE_MS = 20_000
const [mode, url, plcUrl, number, ...rest] = process.argv.slice(2)

// Its own `fetch` goes to public addresses over https only.
const identities = new IdResolver({ plcUrl, fetch })
const keys = new Map()

function keyOf(did) {
  if (!keys.has(did)) {
    keys.set(did, identities.did.ensureResolve(did).then((document) => {
      return getDidKeyFromMultibase(getVerificationMaterial(document, 'atproto_label'))
    }))
  }
  return keys.get(did)
}

/** The known fields that are there, null being as good as absent: what a labeler signs. */
function signed(label) {
  const names = ['ver', 'src', 'uri', 'cid', 'val', 'neg', 'cts', 'exp']
  return Object.fromEntries(names.flatMap((name) => (label[name] == null ? [] : [[name, label[name]]])))
}

// The same bytes are asked about once.
const verdicts = new Map()

async function check(label) {
  const text = Buffer.from(encode(label)).toString('base64')
  if (!verdicts.has(text)) {
    verdicts.set(text, await verifySignature(await keyOf(label.src), encode(signed(label)), label.sig))
  }
  return { label: text, verifies: verdicts.get(text) }
}

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

async function stream(count, cursor) {
  const subscription = new Subscription({
    service: url.replace('http', 'ws'),
    method: SUBSCRIBE,
    getParams: () => ({ cursor }),
    // By default it would end at the first message that the lexicon does not allow; here that is noted.
    validate: (message) => {
      try {
        lexicons.assertValidXrpcMessage(SUBSCRIBE, message)
        return { message }
      } catch (error) {
        return { message, invalid: error.message }
      }
    },
  })
  let frames = 0
  const silent = setTimeout(() => {
    throw new Error(`nothing more after ${cursor}, ${frames} of ${count} frames`)
  }, SILENCE_MS)
  for await (const { message, invalid } of subscription) {
    if (message.$type !== `${SUBSCRIBE}#labels`) throw new Error(`not labels: ${JSON.stringify(message)}`)
    if (message.seq <= cursor) throw new Error(`${message.seq} after ${cursor}`)
    cursor = message.seq
    silent.refresh()
    for (const label of message.labels) say({ seq: cursor, ...(await check(label)), invalid })
    if (++frames === count) break
  }
  clearTimeout(silent)
}

async function pages(limit, flags) {
  // The lexicon has no such fields, so the agent cannot be told.
  const more = flags.map((flag) => `&${flag}=true`).join('')
  const agent = new AtpAgent({ service: url, fetch: (request) => fetch(new Request(request.url + more, request)) })
  let cursor
  for await (const _turn of createInterface({ input: process.stdin })) {
    // The agent holds the answer against the lexicon by itself, and fails if it does not fit.
    const { data } = await agent.com.atproto.label.queryLabels({ uriPatterns: ['*'], limit, cursor })
    const labels = []
    for (const label of data.labels) labels.push(await check(label))
    cursor = data.cursor
    say({ labels, cursor })
    if (cursor === undefined) return
  }
}

if (mode === 'stream') await stream(Number(number), Number(rest[0] ?? 0))
else await pages(Number(number), rest)
