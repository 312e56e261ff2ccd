// Current alerts, merged from two sources: Prometheus knows the rule, the value and pending alerts; Alertmanager knows receivers and silences.
import { Fault } from './answer.mjs';

const ranks = { critical: 0, warning: 1 };
const rank = (alert) => ranks[alert.severity] ?? 2;

/** The most severe first, then the oldest. */
export const order = (a, b) => rank(a) - rank(b) || a.since - b.since || a.name.localeCompare(b.name);

const seconds = (time) => Date.parse(time) / 1000;
const has = (labels, part) => Object.entries(part).every(([name, value]) => labels[name] === value);

function describe(labels, annotations) {
  return {
    name: labels.alertname ?? '',
    severity: labels.severity ?? '',
    component: labels.component ?? '',
    labels,
    summary: annotations.summary ?? labels.alertname ?? '',
    description: annotations.description ?? '',
    runbook: annotations.runbook_url ?? '',
  };
}

/** Prometheus' alerts, each with its rule. */
function evaluated(rules) {
  return rules.data.groups.flatMap(({ rules: group }) =>
    group.flatMap((rule) =>
      (rule.alerts ?? []).map((alert) => ({
        ...describe(alert.labels, alert.annotations),
        state: alert.state,
        since: seconds(alert.activeAt),
        fired: alert.state === 'firing' ? seconds(alert.activeAt) + rule.duration : null,
        value: alert.value,
        expr: rule.query,
        silencedBy: [],
        inhibitedBy: [],
        receivers: [],
      })),
    ),
  );
}

/** Merges both lists. Alertmanager has the same labels as Prometheus plus the external ones; if several alerts match, take the one with the most labels. */
export function join(known, told) {
  const joined = [...known];
  const names = new Map(told.map(({ fingerprint, labels }) => [fingerprint, labels.alertname]));
  for (const { labels, annotations, startsAt, status, receivers, fingerprint } of told) {
    const fits = joined.filter((alert) => !alert.fingerprint && alert.state !== 'pending' && has(labels, alert.labels));
    let alert = fits.sort((a, b) => Object.keys(b.labels).length - Object.keys(a.labels).length)[0];
    if (!alert) {
      // From another Prometheus, or ours does not answer.
      alert = { ...describe(labels, annotations), state: 'firing', since: seconds(startsAt), value: null, expr: '' };
      joined.push(alert);
    }
    Object.assign(alert, {
      fingerprint,
      labels,
      fired: seconds(startsAt),
      silencedBy: status.silencedBy,
      inhibitedBy: status.inhibitedBy.map((one) => names.get(one) ?? one),
      receivers: receivers.map(({ name }) => name),
    });
    if (status.silencedBy.length) alert.state = 'silenced';
    else if (status.inhibitedBy.length) alert.state = 'inhibited';
  }
  return joined.sort(order);
}

/** @return {alerts, silences, watchdog: whether the Watchdog fires, as it always must; faults: the servers that did not answer} */
export async function alerts(prometheus, alertmanager) {
  const asked = await Promise.allSettled([
    prometheus.json('/api/v1/rules?type=alert'),
    alertmanager.json('/api/v2/alerts'),
    alertmanager.json('/api/v2/silences'),
  ]);
  const [rules, told, silences] = asked.map(({ value }) => value);
  const all = join(rules ? evaluated(rules) : [], told ?? []);
  return {
    alerts: all.filter(({ name }) => name !== 'Watchdog'),
    watchdog: all.some(({ name, state }) => name === 'Watchdog' && state !== 'pending'),
    silences: (silences ?? []).filter(({ status }) => status.state !== 'expired'),
    faults: [...new Set(asked.filter(({ reason }) => reason).map(({ reason }) => reason.message))],
  };
}

const LONGEST = 7 * 24 * 60; // minutes; a longer silence should be a change of the rules

/** Creates a silence in Alertmanager. @return its id */
export async function silence(alertmanager, { labels, minutes, comment, by }) {
  const pairs = Object.entries(labels ?? {});
  if (!pairs.length || pairs.some(([, value]) => typeof value !== 'string')) throw new Fault(400, 'labels must be an object of texts, such as {"alertname": "…"}');
  if (!labels.alertname) throw new Fault(400, 'labels must have an alertname: without it other alerts would be silenced too');
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > LONGEST) throw new Fault(400, `minutes must be an integer from 1 to ${LONGEST}`);
  if (typeof comment !== 'string' || !comment.trim()) throw new Fault(400, 'comment is missing: give a reason');
  const now = Date.now();
  const { silenceID } = await alertmanager.json('/api/v2/silences', {
    method: 'POST',
    body: JSON.stringify({
      matchers: pairs.map(([name, value]) => ({ name, value, isRegex: false, isEqual: true })),
      startsAt: new Date(now).toISOString(),
      endsAt: new Date(now + minutes * 60_000).toISOString(),
      createdBy: typeof by === 'string' && by.trim() ? by.trim() : 'the dashboard page',
      comment: comment.trim(),
    }),
  });
  return silenceID;
}

/** Ends a silence. */
export async function expire(alertmanager, id) {
  if (!/^[0-9a-f-]{36}$/.test(id)) throw new Fault(400, 'invalid id of a silence');
  const { status, text } = await alertmanager.ask(`/api/v2/silence/${id}`, { method: 'DELETE' });
  if (status !== 200) throw new Fault(status === 404 ? 404 : 502, `Alertmanager answered ${status}: ${text.toString().slice(0, 200)}`);
}
