#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Read an OpenMetrics exposition from standard input with the strict parser of python3-prometheus-client.

Prints the number of samples. If the parser refuses the text or a sample is repeated, the exit status is 1, with the reason on stderr."""
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
