#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Read an OpenMetrics exposition from standard input with the strict parser of python3-prometheus-client.

Prints one line a sample, sorted: name, labels and value, as Python sees them. Exit status 1 and the parser's words if it objects."""
import sys

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError:
    sys.exit(77)

text = sys.stdin.buffer.read().decode("utf-8")
lines = []
try:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            lines.append(repr((sample.name, sorted(sample.labels.items()), sample.value)))
except ValueError as fault:
    print(f"the parser objects: {fault}", file=sys.stderr)
    sys.exit(1)
if len(lines) != len(set(lines)):
    print("a sample is repeated", file=sys.stderr)
    sys.exit(1)
print(len(lines))
