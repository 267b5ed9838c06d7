#!/usr/bin/env node
// Runs the AppView until its standard input ends: its database, the data plane over it, what reads the firehose into
// it, and the server. POSTGRES_URL, SCHEMA, PLC_URL and FIREHOSE say on what. One line of standard output tells
// where it answers.
import { freePort } from '../../network/src/loopback.js'
import { BskyAppView, DataPlaneServer, Database, RepoSubscription, ServerConfig } from '@atproto/bsky'
import { Secp256k1Keypair } from '@atproto/crypto'

const { POSTGRES_URL, SCHEMA, PLC_URL, FIREHOSE } = process.env
const database = new Database({ url: POSTGRES_URL, schema: SCHEMA, poolSize: 10 })
await database.migrateToLatestOrThrow()

const dataPlanePort = await freePort()
const dataPlane = await DataPlaneServer.create(database, dataPlanePort, PLC_URL, globalThis.fetch)
const nowhere = 'http://127.0.0.1:9' // of what the AppView could ask besides, nothing is there
Object.assign(process.env, {
  NODE_ENV: 'development', // plain http
  BSKY_PORT: String(await freePort()),
  BSKY_PUBLIC_URL: 'https://appview.test',
  BSKY_SERVER_DID: 'did:web:appview.test',
  BSKY_DID_PLC_URL: PLC_URL,
  BSKY_DATAPLANE_URLS: `http://127.0.0.1:${dataPlanePort}`,
  BSKY_DATAPLANE_HTTP_VERSION: '1.1',
  BSKY_BSYNC_URL: nowhere,
  BSKY_BSYNC_HTTP_VERSION: '1.1',
  BSKY_ADMIN_PASSWORDS: 'admin-password',
  MOD_SERVICE_DID: 'did:web:nobody.test',
})
const appView = BskyAppView.create({ config: ServerConfig.readEnv(), signingKey: await Secp256k1Keypair.create() })
await appView.start()
const subscription = new RepoSubscription({ service: FIREHOSE, db: database, idResolver: dataPlane.idResolver })
await subscription.start()

process.on('unhandledRejection', (err) => console.error('unhandled rejection:', err))
process.stdin.on('end', () => process.exit()).resume()
console.log(JSON.stringify({ url: `http://127.0.0.1:${appView.ctx.cfg.port}` }))
