"""What a schema cannot say, so that requests get beyond the first look: times that can be, recordings that there are."""
import datetime
import itertools
import os

import requests
import schemathesis
from hypothesis import strategies as st

NOW = datetime.datetime.now(datetime.timezone.utc)
CALLS_A_RECORDING = 4


def to_text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


# Consent is given before now. An assessment lies after the attempt's first recording and not in the future, give or take
# five minutes: a run is shorter.
past = st.datetimes(datetime.datetime(2020, 1, 1), NOW.replace(tzinfo=None)).map(to_text)
schemathesis.openapi.format("date-time", st.one_of(st.just(to_text(NOW)), past))

with open(os.environ["RECORDING_FILE"], "rb") as file:
    FILE = file.read()
schemathesis.openapi.format("binary", st.one_of(st.just(FILE), st.binary(max_size=1024)))


def recordings(state):
    """Path parameters of recordings that are begun, have all their parts (uploaded), are stored, or deleted; each for a few calls."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
    for number in itertools.count():
        sitting = {"exam": "fuzzed", "attempt": f"{state}-{number}"}
        path = f"{os.environ['BASE_URL']}/v1/exams/{sitting['exam']}/attempts/{sitting['attempt']}/recordings"
        consent = {"givenAt": to_text(NOW), "policyVersion": "1"}
        body = {"participantId": "p-1", "kind": "webcam", "contentType": "video/webm", "consent": consent}
        created = session.post(path, json=body, timeout=20)
        recording = created.json()["recording"]["recordingId"]
        if state == "uploaded":
            asked = {"parts": [{"partNumber": 1, "sizeBytes": len(FILE)}]}
            signed = session.post(f"{path}/{recording}/parts", json=asked, timeout=20).json()["parts"][0]
            requests.put(signed["url"], data=FILE, timeout=20).raise_for_status()
        if state in ("stored", "deleted"):
            session.post(f"{path}/{recording}/content", files={"file": FILE}, timeout=20).raise_for_status()
        if state == "deleted":
            session.delete(f"{path}/{recording}", params={"reason": "erasure"}, timeout=20).raise_for_status()
        for _ in range(CALLS_A_RECORDING):
            yield {**sitting, "recording": recording}


made = {state: recordings(state) for state in ("begun", "uploaded", "stored", "deleted")}
# In which state a call can succeed; every other time it meets another one.
FITTING = {"completeRecording": "uploaded", "createPlaybackLink": "stored", "getReceiptProof": "deleted"}
turns = itertools.cycle([None, "begun", None, "uploaded", None, "stored"])


@schemathesis.hook
def before_call(context, case, kwargs):
    # A random id leads nowhere; one that came by a link, or that is meant to be wrong, stays.
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and case.meta.phase.name.value != "stateful" and "recording" in (case.path_parameters or {}):
        operation_id = case.operation.definition.raw["operationId"]
        case.path_parameters = {**case.path_parameters, **next(made[next(turns) or FITTING.get(operation_id, "begun")])}
