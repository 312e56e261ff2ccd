# SPDX-License-Identifier: Apache-2.0
"""Score alerting rules: does a rule set report real kinds of faults, and stay silent in harmless situations that look like them?

Usage: score [options] RULES_DIR

Each case of infra/prometheus/corpus becomes a promtool test with RULES_DIR/*.yml (and *.yaml) as its rule files. For each case it prints the
kind, the name, the expected reaction (page or warning, within what time, over within what time), what was seen and by which alerts; then
the score by kind. An alert that also fires in the same healthy world does not count as a reaction. How alerts are classified, and how to
score rules of another service: infra/prometheus/corpus/README.md.

Exit status: 0 all as expected, 1 some not, 2 it could not run.
"""
import argparse
import json
import pathlib
import re
import sys
import tempfile
import time

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cases as corpus  # noqa: E402
from promtool import Promtool  # noqa: E402
from shapes import Fault  # noqa: E402
from verdict import verdict  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAPPING = {"page", "warning", "ignore", "job", "metrics"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rules", metavar="RULES_DIR", type=pathlib.Path)
    parser.add_argument("--promtool", default="promtool")
    parser.add_argument("--corpus", type=pathlib.Path, default=ROOT / "infra/prometheus/corpus", help="a folder of *.yml")
    parser.add_argument("--map", type=pathlib.Path, help="a file with the labels, job and metric names of another rule set")
    parser.add_argument("--only", default="", metavar="REGEX", help="only cases whose name matches")
    parser.add_argument("--wrong", action="store_true", help="print only unexpected results, and the score")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--keep", type=pathlib.Path, metavar="DIR", help="keep promtool's test files in this folder")
    return parser.parse_args()


def mapping_of(path):
    mapping = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
    if unknown := set(mapping) - MAPPING:
        raise Fault(f"{path}: unknown member {', '.join(sorted(unknown))}; known: {', '.join(sorted(MAPPING))}")
    return mapping


def replacer(mapping):
    """A function that replaces job and metric names by those of the rules under test."""
    pairs = [(rf'\bjob=\\"{re.escape(old)}\\"', f'job=\\"{new}\\"') for old, new in mapping.get("job", {}).items()]
    pairs += [(rf'"series": "{re.escape(old)}(?=\{{)', f'"series": "{new}') for old, new in mapping.get("metrics", {}).items()]

    def replace(text):
        for pattern, new in pairs:
            text = re.sub(pattern, lambda match, new=new: new, text)
        return text
    return replace


def scored(options):
    """[Verdict], skipped cases, seconds."""
    rules = sorted(str(p.resolve()) for pattern in ("*.yml", "*.yaml") for p in options.rules.glob(pattern))
    if not rules:
        raise Fault(f"no *.yml in {options.rules}")
    promtool, mapping = Promtool(options.promtool), mapping_of(options.map)
    paths = list(options.corpus.glob("*.yml"))
    if not paths:
        raise Fault(f"no *.yml in {options.corpus}")
    wanted = [c for c in corpus.read(paths) if re.search(options.only, c.id)]
    if not wanted:
        raise Fault(f"no case matches {options.only!r}")
    skipped = [c for c in wanted if promtool.lacks(c.needs)]
    wanted = [c for c in wanted if not promtool.lacks(c.needs)]
    controls = corpus.healthy(wanted)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="score-") as temporary:
        folder = options.keep or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = promtool.run(wanted + controls, rules, folder, replacer(mapping))
    always = {c.world.name: set(found[c.id]) for c in controls}
    verdicts = [verdict(c, found[c.id], set(), mapping) for c in controls]
    verdicts += [verdict(c, found[c.id], always[c.world.name], mapping) for c in wanted]
    return verdicts, skipped, time.monotonic() - begun, promtool


def report(verdicts, only_wrong):
    width = max(len(v.case.id) for v in verdicts)
    for v in verdicts:
        if v.right and only_wrong:
            continue
        print(f"{'ok   ' if v.right else 'WRONG'} {v.case.kind:<11} {v.case.id:<{width}}  {v.case.expected}: {v.seen()}"
              + ("" if v.right else f"  [{'; '.join(v.faults)}]"))
        if not v.right:
            print(f"      {v.case.says}")


def table(verdicts):
    print(f"\n{'kind':<12} {'faults found':>14} {'harmless left alone':>21} {'false pages':>12}")
    kinds = dict.fromkeys(v.case.kind for v in verdicts)
    for kind in [*kinds, None]:
        of = [v for v in verdicts if kind in (None, v.case.kind)]
        faults = [v for v in of if v.case.id.endswith("/fault")]
        harmless = [v for v in of if not v.case.id.endswith("/fault")]
        pages = sum(any(a.loud == "page" for a in v.alerts) for v in harmless)
        print(f"{kind or 'all':<12} {sum(v.right for v in faults):>8} of {len(faults):<3} {sum(v.right for v in harmless):>14} of {len(harmless):<4} {pages:>11}")


def main():
    options = arguments()
    try:
        verdicts, skipped, took, promtool = scored(options)
    except (Fault, OSError, yaml.YAMLError) as error:
        print(f"score: {error}", file=sys.stderr)
        return 2
    right = sum(v.right for v in verdicts)
    if options.json:
        print(json.dumps({"promtool": ".".join(map(str, promtool.version)), "right": right, "of": len(verdicts), "skipped": [c.id for c in skipped],
                          "cases": [{"id": v.case.id, "kind": v.case.kind, "says": v.case.says, "expected": str(v.case.expected), "seen": v.seen(),
                                     "right": v.right, "faults": v.faults, "alerts": sorted({a.name for a in v.alerts})} for v in verdicts]}, indent=1))
        return 0 if right == len(verdicts) else 1
    report(verdicts, options.wrong)
    for case in skipped:
        print(f"skip  {case.kind:<11} {case.id}: this promtool does not support {case.needs} histograms")
    table(verdicts)
    print(f"\nscore: {right} of {len(verdicts)} as expected ({100 * right // len(verdicts)} %), {len(skipped)} skipped, "
          f"promtool {'.'.join(map(str, promtool.version))}, {took:.0f} s")
    return 0 if right == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
