# Checks receipts that this package's tests have signed, with a JOSE library for Python: signature, header, claims, entry.
import base64
import hashlib
import json
import sys
from datetime import datetime
from math import floor

from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import OKPKey

with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
key = OKPKey.import_key(given["keys"]["keys"][0])


def hash_of(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def claims_of(receipt):
    opened = jws.deserialize_compact(receipt, key, algorithms=["EdDSA"])
    assert opened.protected["typ"] == "proctoring-deletion-receipt+jws"
    assert opened.protected["kid"] == key.thumbprint()
    return json.loads(opened.payload)


for receipt in given["receipts"]:
    text = receipt["jws"]
    claims = claims_of(text)
    assert claims == receipt["claims"]
    generation = len(claims.get("supersedes", []))
    recording = "/".join(claims[name] for name in ("tenantId", "examId", "attemptId", "recordingId"))
    lead = floor((time_of(claims["deadline"]) - time_of(claims["deletedAt"])).total_seconds())
    entry = ["1", claims["keptUntil"], hash_of(text), hash_of(recording), str(generation), str(lead)]
    assert receipt["entry"] == " ".join(entry)
    header, payload, signature = text.split(".")
    changed = ".".join([header, payload, signature[:9] + ("B" if signature[9] == "A" else "A") + signature[10:]])
    try:
        claims_of(changed)
    except BadSignatureError:
        continue
    raise AssertionError("a receipt was changed, and its signature held")
print(f"python: {len(given['receipts'])} receipts hold, and none when it is changed")
