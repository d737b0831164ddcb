"""Prints how each call was answered, as the service counted it; fails when one never succeeded. Arguments: METRICS."""
import collections
import json
import re
import sys

COUNT = re.compile(r'^http_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} (\d+)', re.MULTILINE)

with open(sys.argv[1]) as file:
    counts = COUNT.findall(file.read())
answers = collections.defaultdict(dict)
for method, route, status, count in counts:
    answers[method, route][status] = count

with open("openapi.json") as file:
    paths = json.load(file)["paths"]
never = []
for path, methods in paths.items():
    for method in methods:
        of_call = answers[method.upper(), path]
        print(method.upper(), path, *(f"{status}:{of_call[status]}" for status in sorted(of_call)))
        if not any(status.startswith("2") for status in of_call):
            never.append(f"{method.upper()} {path}")
for call in never:
    print(f"never succeeded: {call}")
sys.exit(1 if never else 0)
