// Checks ../dashboards/*.json against the rules of Grafana's dashboard-linter and a few rules of ours (house-*).
// The linter itself is a Go program that Debian does not package; the rules are implemented here by name.
// PromQL is parsed by promtool (`promtool check rules` over all expressions at once).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Exceptions from rules, with the reason. */
const exclusions = [
  { rule: 'template-job-rule', match: ({ board }) => board && board.templating.list.some((v) => v.name === 'job' && !/label_values\(up,/.test(v.query.query)), reason: 'a board for one kind of program: `.+` would include Prometheus itself, so All means the listed values' },
  { rule: 'target-job-rule', match: ({ expr }) => /\bALERTS(_FOR_STATE)?\{/.test(expr), reason: 'ALERTS carries the job of the alert; aggregated alerts have none, so the matcher is job=~"$job|"' },
  { rule: 'target-instance-rule', match: ({ expr }) => /ALERTS(_FOR_STATE)?\{/.test(expr), reason: 'an alert is about a job; many have no instance' },
  { rule: 'target-instance-rule', match: ({ metric }) => /^(job|job_\w+|queue|organisation):/.test(metric ?? ''), reason: 'a recorded series of the whole job has no instance: it is what the alerts read' },
  { rule: 'target-instance-rule', match: ({ metric }) => metric === 'organisation_info', reason: 'names are the same from every replica, and the worker that exposes them need not be the chosen instance' },
  { rule: 'target-rate-interval-rule', match: ({ window }) => /^(5m|15m|1h)$/.test(window ?? ''), reason: 'the window is the meaning of the number (what an alert reads, restarts in 15 minutes, campaigns of an hour), not smoothing' },
];

const used = new Set();
const faults = [];
const folder = fileURLToPath(new URL('../dashboards', import.meta.url));
const files = process.argv[2] ? [process.argv[2]] : readdirSync(folder).filter((f) => f.endsWith('.json')).map((f) => join(folder, f));

function report(rule, where, text, target) {
  const excluded = target && exclusions.find((e) => e.rule === rule && e.match(target));
  if (excluded) used.add(excluded);
  else faults.push(`${where}: ${rule}: ${text}`);
}

function template(board, where, name) {
  const variable = board.templating.list.find((v) => v.name === name);
  const rule = `template-${name}-rule`;
  if (!variable) return report(rule, where, `there is no variable "${name}"`);
  if (variable.datasource?.uid !== '${datasource}') report(rule, where, `variable "${name}" must use the datasource variable`);
  if (variable.type !== 'query') report(rule, where, `variable "${name}" must be a query`);
  const title = name[0].toUpperCase() + name.slice(1);
  if (variable.label !== title) report(rule, where, `variable "${name}" must be labelled "${title}", is "${variable.label}"`);
  if (!variable.multi) report(rule, where, `variable "${name}" must allow several values`);
  if (variable.allValue !== '.+') report(rule, where, `variable "${name}": the All value must be ".+"`, { board });
  if (name === 'job' && variable.allValue === '.+' && !/label_values\(up,/.test(variable.query?.query)) {
    report('house-job', where, 'All of a board about programs of one kind must be what its list offers, not ".+"');
  }
}

function boardRules(board, where) {
  const datasource = board.templating.list.filter((v) => v.type === 'datasource');
  if (datasource.length !== 1) report('template-datasource-rule', where, 'there must be exactly one datasource variable');
  else if (datasource[0].name !== 'datasource' || datasource[0].label !== 'Data source') {
    report('template-datasource-rule', where, 'the datasource variable must be named "datasource" and labelled "Data source"');
  }
  template(board, where, 'job');
  template(board, where, 'instance');
  for (const variable of board.templating.list.filter((v) => v.type === 'query')) {
    const query = variable.query?.query ?? variable.query;
    const named = /^query_result\(.+\)$/.test(query) && /\(\?<text>.*\(\?<value>/.test(variable.regex ?? '');
    if (!named && !/^label_values\((?:.+,\s*)?[a-z_]\w*\)$/.test(query)) report('template-label-promql-rule', where, `"${variable.name}": ${query}`);
    if (variable.refresh !== 2) report('template-on-time-change-reload-rule', where, `"${variable.name}" must be read again when the time range changes`);
  }
  if (board.editable !== false) report('uneditable-dashboard-rule', where, 'editable must be false');
  if (!board.uid) report('house-uid', where, 'a board needs a fixed uid');
  for (const { title, gridPos: { x, w } } of board.panels) if (x + w > 24) report('house-grid', where, `"${title}" is beyond the 24 columns`);
  const ids = board.panels.map((p) => p.id);
  if (new Set(ids).size !== ids.length) report('house-panel-ids', where, 'panel ids must be unique');
}

const names = (expr) => expr.replace(/"(?:[^"\\]|\\.)*"/g, '""');
/** Metrics of Prometheus, Alertmanager and the machine; all others must be in docs/service/metrics.json. */
const foreign = /^(prometheus_|alertmanager_|scrape_|go_|net_conntrack_|cgroup_cpu_|up$|ALERTS$|ALERTS_FOR_STATE$)/;
/** Labels that Prometheus adds, and those of histograms. */
const targetLabels = new Set(['job', 'instance', 'le', '__name__']);
const reference = new Map(JSON.parse(readFileSync(new URL('../../../docs/service/metrics.json', import.meta.url), 'utf8')).map((family) => [family.name, family]));

const rules = fileURLToPath(new URL('../../prometheus/rules', import.meta.url));
const recorded = new Set(readdirSync(rules).flatMap((file) => [...readFileSync(join(rules, file), 'utf8').matchAll(/^\s*- record: (\S+)/gm)].map(([, name]) => name)));

function family(metric) {
  if (reference.has(metric)) return reference.get(metric);
  const histogram = reference.get(metric.replace(/_(bucket|sum|count)$/, ''));
  return histogram?.type === 'histogram' ? histogram : undefined;
}

/** Every metric of the service, every label and every value of an enumerated label must exist. */
function referenceRules(expr, where) {
  const known = new Set(targetLabels);
  let others = false;
  for (const { metric, braces } of selectors(expr)) {
    const found = family(metric);
    if (foreign.test(metric) || metric.includes(':')) {
      others = true;
      if (metric.includes(':') && !recorded.has(metric)) report('house-metric-exists', where, `no rule records ${metric}`);
      continue;
    }
    if (!found) {
      report('house-metric-exists', where, `there is no metric ${metric} (docs/service/metrics.json)`);
      continue;
    }
    for (const { name } of found.labels) known.add(name);
    for (const [, name, operator, value] of braces.matchAll(/([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)) {
      const label = found.labels.find((l) => l.name === name);
      if (!label && !targetLabels.has(name)) report('house-label-exists', where, `${metric} has no label ${name}`);
      if (label?.values && /^!?=$/.test(operator) && !label.values.includes(value)) report('house-value-exists', where, `${metric} has no ${name}="${value}"`);
    }
  }
  if (others) return;
  for (const [, list] of names(expr).matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)) {
    for (const name of list.split(',').map((l) => l.trim()).filter(Boolean)) {
      if (!known.has(name)) report('house-label-exists', where, `no metric of the query has a label ${name}`);
    }
  }
}

/** Variables: label_values(metric{...}, label), or query_result(expression). */
function variableRules(variable, where) {
  const [, result] = /^query_result\((.+)\)$/.exec(variable.query?.query ?? variable.query) ?? [];
  if (result) queries.push({ expr: result, where: `${where}, variable "${variable.name}"` });
  const [, expr, label] = /^label_values\((.+),\s*(\w+)\)$/.exec(variable.query?.query ?? variable.query) ?? [];
  if (!expr) return;
  const selector = expr.includes('{') ? expr : `${expr}{}`;
  referenceRules(selector, `${where}, variable "${variable.name}"`);
  const found = family(selector.split('{')[0]);
  if (found && !targetLabels.has(label) && !found.labels.some((l) => l.name === label)) report('house-label-exists', where, `variable "${variable.name}": ${found.name} has no label ${label}`);
}

/** Selectors of an expression: metric name and matchers. */
const selectors = (expr) => [...expr.matchAll(/([a-zA-Z_:][\w:]*)\s*(\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})/g)].map(([, metric, braces]) => ({ metric, braces }));

/** A window such as "6h" or "1h30m" in seconds. */
const seconds = (window) => [...window.matchAll(/(\d+)(ms|[smhdwy])/g)].reduce((sum, [, n, unit]) => sum + n * { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 }[unit], 0);

/** The kind of a query's values: seconds, bytes, a ratio, a rate per second, or a count. */
function dimension(expr) {
  const bare = names(expr).replace(/\{[^{}]*\}/g, '').replace(/\[[^\]]*\]/g, '').replace(/\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)/g, '');
  if (/histogram_quantile\(/.test(bare)) return /_bytes_bucket\b/.test(bare) ? 'bytes' : 'seconds';
  if (/\//.test(bare) || /:ratio_rate|_ratio\b|:utilisation|:limit_ratio|process_cpu_seconds_total|avg\(up|avg\(amqp_connection_up/.test(bare)) return 'ratio';
  if (/\btime\(\) -|:p9[59]_/.test(bare)) return 'seconds';
  if (/\brate\(|:rate\d/.test(bare)) return /\* (60|3600)\b/.test(bare) ? 'count' : 'rate';
  if (/\b(increase|changes|count)\(|:increase\d/.test(bare)) return 'count';
  if (/_seconds\b/.test(bare)) return 'seconds';
  return /_bytes\b/.test(bare) ? 'bytes' : 'count';
}

const dimensionOf = (unit) => ({ s: 'seconds', bytes: 'bytes', percentunit: 'ratio', reqps: 'rate', mps: 'rate', ops: 'rate', 'suffix: /s': 'rate' })[unit] ?? 'count';

/** All lines of an axis have one kind, and the unit fits it. A ratio may have the unit of a count. */
function axisRules(panel, where) {
  if (panel.type === 'table' || panel.type === 'heatmap') return; // columns and cells have no axis in common
  const unit = panel.fieldConfig?.defaults?.unit;
  for (const { expr, refId } of panel.targets ?? []) {
    const found = dimension(expr);
    const wanted = dimensionOf(unit);
    if (found !== wanted && !(found === 'ratio' && wanted === 'count')) report('house-one-axis', `${where}, query ${refId}`, `values are of the kind "${found}", the axis is "${unit}" (${wanted})`);
  }
}

function targetRules(panel, target, where) {
  const { expr } = target;
  // The two rules about LogQL are met by having no LogQL query: boards link to logs.
  if ((target.datasource?.type ?? panel.datasource?.type ?? 'prometheus') !== 'prometheus') {
    report('target-logql-rule, target-logql-auto-rule', where, `a query of a datasource of type "${target.datasource?.type ?? panel.datasource?.type}"`, target);
  }
  for (const { metric, braces } of selectors(expr)) {
    if (!/\bjob=~"\$job"/.test(braces)) report('target-job-rule', where, `${metric} is not selected by job=~"$job"`, { ...target, metric });
    if (!/\binstance=~"\$instance"/.test(braces)) report('target-instance-rule', where, `${metric} is not selected by instance=~"$instance"`, { ...target, metric });
  }
  const read = new Set(selectors(expr).map(({ metric }) => metric));
  for (const metric of read) {
    const histogram = metric.replace(/_bucket$/, '');
    if (histogram !== metric && !read.has(histogram)) report('house-histogram', where, `${metric} is read without ${histogram}: a native histogram, or one with custom buckets, has no _bucket`);
  }
  for (const [, window] of names(expr).matchAll(/\[([^\]:]+)[\]:]/g)) {
    if (window !== '$__rate_interval') report('target-rate-interval-rule', where, `the window is [${window}], not [$__rate_interval]`, { ...target, window });
    if (window === '$__range' || seconds(window) > 6 * 3600) report('house-range', where, `a panel must not read [${window}]: record what is longer than 6 h (infra/prometheus/rules)`);
  }
  for (const [name] of expr.matchAll(/\b[a-zA-Z_]\w*_total\b(?=\{)/g)) {
    const before = expr.slice(0, expr.indexOf(`${name}{`));
    if (!/(rate|irate|increase|resets|changes)\(\s*$/.test(before)) report('target-counter-agg-rule', where, `${name} is a counter outside rate, irate or increase`, target);
  }
}

function panelRules(panel, where) {
  if (panel.type === 'row') return;
  if (panel.datasource?.uid !== '${datasource}') report('panel-datasource-rule', where, 'the panel must use the datasource variable');
  if (!panel.title || !panel.description) report('panel-title-description-rule', where, 'a panel needs a title and a description');
  if (!panel.fieldConfig?.defaults?.unit) report('panel-units-rule', where, 'a panel needs a unit');
  if (!panel.targets?.length) report('panel-no-targets-rule', where, 'a panel needs a query');
  axisRules(panel, where);
  for (const target of panel.targets ?? []) targetRules(panel, target, `${where}, query ${target.refId}`);
}

function promql(queries) {
  const values = { job: '.+', instance: '.+', __rate_interval: '60s', __range: '3600s', __interval: '15s' };
  const dir = mkdtempSync(join(tmpdir(), 'lint-dashboards-'));
  try {
    const rules = queries.map(({ expr }, i) => ({
      record: `lint:query:${i}`,
      expr: expr.replace(/\$\{?(\w+)\}?/g, (_, name) => values[name] ?? '.+'),
    }));
    writeFileSync(join(dir, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboards', rules }] }));
    execFileSync('promtool', ['check', 'rules', '--lint=none', join(dir, 'rules.yml')], { stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const text = String(error.stderr ?? error);
    const lines = text.split('\n').filter((line) => /parse|rule/.test(line));
    for (const line of lines.length ? lines : [text]) {
      const at = /lint:query:(\d+)|rule (\d+)/.exec(line);
      const index = at ? Number(at[1] ?? at[2] - 1) : -1;
      report('target-promql-rule', queries[index]?.where ?? 'dashboards', line.trim());
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const queries = [];
for (const file of files) {
  const board = JSON.parse(readFileSync(file, 'utf8'));
  const name = basename(file);
  boardRules(board, name);
  for (const panel of board.panels) {
    const where = `${name}, "${panel.title}"`;
    panelRules(panel, where);
    for (const target of panel.targets ?? []) queries.push({ expr: target.expr, where: `${where}, query ${target.refId}` });
  }
  for (const variable of board.templating.list.filter((v) => v.type === 'query')) variableRules(variable, name);
  for (const annotation of board.annotations.list) queries.push({ expr: annotation.expr, where: `${name}, annotation "${annotation.name}"` });
}
for (const { expr, where } of queries) referenceRules(expr, where);
promql(queries);

for (const fault of faults) console.error(fault);
for (const exclusion of used) console.log(`excluded from ${exclusion.rule}: ${exclusion.reason}`);
console.log(`${files.length} boards, ${queries.length} queries: ${faults.length} faults`);
process.exitCode = faults.length ? 1 : 0;
