// @atproto/tap, the public client of Tap's channel, on labeltap. It takes no event type that it does not know
// and comes back only after an abnormal close. The query goes into the base URL, where `channel()` leaves it.
// Prints one line of JSON for each thing it notices.
import { Tap } from '@atproto/tap'

const say = (noticed) => console.log(JSON.stringify(noticed))

const handler = {
  onEvent: (event) => say({ event }),
  onError: (error) => say({ error: `${error}: ${error.cause}` }),
}
const channel = new Tap(process.env.LABELTAP_URL).channel(handler, {
  // A peer that does not answer its pings would be left; so that it matters within a short story.
  heartbeatIntervalMs: 500,
  onReconnectError: (error) => say({ lost: error.code }),
})
channel.start().then(
  () => say({ ended: 'as after a close frame' }),
  (error) => say({ ended: String(error) }),
)
