"""The Python package atproto as a reader of labeltap: what reread.js is, with the same arguments and lines.

    reread.py stream URL PLC COUNT [CURSOR]
    reread.py pages URL PLC LIMIT [FLAG...]
"""

import base64
import json
import sys

import libipld
from atproto import Client, FirehoseSubscribeLabelsClient, models
from atproto_core.did_doc import DidDocument
from atproto_crypto.did import get_did_key
from atproto_crypto.verify import verify_signature
from atproto_identity.resolver import IdResolver

SIGNED = ("ver", "src", "uri", "cid", "val", "neg", "cts", "exp")
SILENCE_S = 20
mode, url, plc_url, number, *rest = sys.argv[1:]
identities = IdResolver(plc_url=plc_url)
keys = {}
verdicts = {}


def key_of(did):
    if did not in keys:
        document: DidDocument = identities.did.ensure_resolve(did)
        names = ("#atproto_label", f"{did}#atproto_label")
        method = next(m for m in document.verification_method if m.id in names)
        keys[did] = get_did_key(method.type, method.public_key_multibase)
    return keys[did]


def encode(label):
    """All of a label. libipld takes bytes for a link where they begin like a CID, as a signature here and there does,
    so it is given a text of the same length and the bytes are put in its place."""
    place = "\0" * len(label["sig"])
    encoded = libipld.encode_dag_cbor({**label, "sig": place})
    return encoded.replace(b"\x78\x40" + place.encode(), b"\x58\x40" + label["sig"])


def check(label):
    encoded = encode(label)
    if encoded not in verdicts:
        # The known fields that are there, null being as good as absent: what a labeler signs.
        signed = {name: label[name] for name in SIGNED if label.get(name) is not None}
        message = libipld.encode_dag_cbor(signed)
        verdicts[encoded] = verify_signature(key_of(label["src"]), message, label["sig"])
    return {"label": base64.b64encode(encoded).decode(), "verifies": verdicts[encoded]}


def say(line):
    print(json.dumps(line), flush=True)


def lexicon_fault(body):
    try:
        models.get_or_create(
            body, models.ComAtprotoLabelSubscribeLabels.Labels, strict_string_format=True
        )
    except Exception as error:
        return {"invalid": str(error)}
    return {}


def stream(count, cursor):
    base = url.replace("http", "ws", 1) + "/xrpc"
    # After a silence it would come back and read the same again, which ends it below.
    client = FirehoseSubscribeLabelsClient({"cursor": cursor}, base, recv_timeout=SILENCE_S)
    frames = 0
    faults = []

    def hear(message):
        nonlocal cursor, frames
        if message.type != "#labels":
            raise ValueError(f"not labels: {message}")
        body = message.body
        if body["seq"] <= cursor:
            raise ValueError(f"{body['seq']} after {cursor}, {frames} of {count} frames")
        cursor = body["seq"]
        fault = lexicon_fault(body)
        for label in body["labels"]:
            say({"seq": cursor, **check(label), **fault})
        frames += 1
        if frames == count:
            client.stop()

    def fail(error):
        faults.append(error)
        client.stop()

    client.start(hear, fail)
    if faults:
        raise faults[0]


def decoded(label):
    """A label out of JSON: its signature as bytes (data model spec, "bytes")."""
    text = label["sig"]["$bytes"]
    return {**label, "sig": base64.b64decode(text + "=" * (-len(text) % 4))}


def pages(limit, flags):
    client = Client(url + "/xrpc")
    cursor = None
    for _turn in sys.stdin:
        # `query_labels` itself fails at every `{"$bytes": ...}`, whoever serves it, so its two halves are called:
        # the request, and the model that the answer must fit.
        asked = models.ComAtprotoLabelQueryLabels.Params(
            uri_patterns=["*"], limit=limit, cursor=cursor, **dict.fromkeys(flags, True)
        )
        content = client.invoke_query("com.atproto.label.queryLabels", params=asked).content
        content["labels"] = [decoded(label) for label in content["labels"]]
        models.get_or_create(
            content, models.ComAtprotoLabelQueryLabels.Response, strict_string_format=True
        )
        cursor = content.get("cursor")
        end = {} if cursor is None else {"cursor": cursor}
        say({"labels": [check(label) for label in content["labels"]], **end})
        if cursor is None:
            return


if mode == "stream":
    stream(int(number), int(rest[0]) if rest else 0)
else:
    pages(int(number), rest)
