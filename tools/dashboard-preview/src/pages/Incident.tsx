// The page of one alert, which messages link to: what is wrong, since when, what the service waits for, panels around the start, runbook, log.
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { Board } from '../Board';
import { clock, moment } from '../clock';
import { TimeRange } from '../controls';
import { Frame } from '../Frame';
import { annotation, incidentBoard, ruleOf } from '../incident';
import { LogKinds, logsLink, useLogs } from '../Logs';
import type { Mark, Range } from '../model';
import { queryRange } from '../prometheus';
import { Runbook } from '../Runbook';
import { type Alert, type Alerts, incidentLink, usePolled } from '../server';
import { SilenceForm, Silences } from '../Silence';
import { type Incident, useAddress } from '../state';
import { span } from '../units';
import { useBoard } from '../useBoard';
import { Why } from '../Why';
import { faultOf, Labels } from './Alerts';
import type { Rule, Rules } from './Rules';

const BEFORE = 30 * 60; // seconds of panels before the start of the alert
const AFTER = 60 * 60; // and after it, if it started long ago
const LOG_BEFORE = 10 * 60;
const LOG_AFTER = 10 * 60;

const fits = (labels: Record<string, string>, wanted: Record<string, string>): boolean => Object.entries(wanted).every(([name, value]) => labels[name] === value);

/** When an alert that no longer fires last fired in a range, in seconds; 0: never. */
function useLastFired(incident: Incident, range: Range, wanted: boolean): number {
  const [last, setLast] = useState(0);
  useEffect(() => {
    if (!wanted) return undefined;
    const controller = new AbortController();
    const matchers = Object.entries({ alertname: incident.alert, alertstate: 'firing', ...incident.labels }).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    queryRange(`ALERTS{${matchers.join(',')}}`, range, 15, controller.signal)
      .then((series) => setLast(Math.max(0, ...series.map(({ points }) => points.at(-1)?.[0] ?? 0))))
      .catch(() => undefined); // the frame says what is wrong with Prometheus
    return () => controller.abort();
  }, [incident.alert, JSON.stringify(incident.labels), Math.round(range.from / 60), Math.round(range.to / 60), wanted]);
  return last;
}

/** The time range if the link has none: around the start until now, or until AFTER for an old alert. */
function around(start: number, from: string, to: string): [string, string] {
  const now = Date.now() / 1000;
  const relative = from.startsWith('now') || (from && to !== 'now');
  if (relative || !start) return [from || 'now-1h', to];
  const end = start + AFTER < now - AFTER ? String(Math.round((start + AFTER) * 1000)) : 'now';
  return [String(Math.round((start - BEFORE) * 1000)), end];
}

function Head({ incident, alert, rule, lastFired, onDone, silences }: { incident: Incident; alert?: Alert; rule?: Rule; lastFired: number; onDone: () => void; silences: Alerts['silences'] }) {
  const severity = alert?.severity ?? rule?.labels?.severity ?? '';
  const now = Date.now() / 1000;
  const since = alert?.since ?? incident.since / 1000;
  const state = alert
    ? `${alert.state} · since ${clock(alert.since)}, ${span(now - alert.since)}`
    : lastFired
      ? `not firing now · fired until ${moment(lastFired)}`
      : `not firing now${since ? ` · began ${moment(since)}` : ''}`;
  const own = silences.filter(({ id }) => alert?.silencedBy.includes(id));
  return (
    <section className={`alert ${severity} ${alert ? '' : 'over'}`} aria-label="Alert" data-state={alert?.state ?? 'over'}>
      <p className="when"><b className="severity">{severity}</b> {incident.alert} · {state}</p>
      {alert && alert.inhibitedBy.length > 0 && <p>Inhibited by {alert.inhibitedBy.map((name) => <a key={name} href={incidentLink({ name, component: '', labels: {}, fired: null, since: 0 })}>{name}</a>)}: look there first.</p>}
      <Labels labels={alert?.labels ?? incident.labels} />
      <p>{alert?.description ?? annotation(rule?.annotations?.description, incident.labels)}</p>
      {rule && <details><summary>Rule</summary><pre tabIndex={0}>{rule.query}{rule.duration ? `\nfor ${span(rule.duration)}` : ''}</pre></details>}
      {own.length > 0 && <Silences silences={own} onDone={onDone} />}
      {alert && alert.state !== 'silenced' && <SilenceForm alert={alert} onDone={onDone} />}
    </section>
  );
}

export function IncidentPage() {
  const [state, change] = useAddress();
  const incident = state.incident!;
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((t) => t + 1);
  const alerts = usePolled<Alerts>('/api/alerts', 5, turn);
  const rules = usePolled<Rules>('/api/prometheus/api/v1/rules', 60);
  const places = usePolled<Record<string, string>>('/api/health', 0);
  const runbook = usePolled<{ file: string; text: string }>(`/api/runbooks/${encodeURIComponent(incident.alert)}`, 0);

  const alert = alerts.value?.alerts.find(({ name, labels }) => name === incident.alert && fits(labels, incident.labels));
  const rule = ruleOf(rules.value?.data.groups.flatMap(({ rules: all }) => all) ?? [], incident.alert, alert?.labels ?? incident.labels);
  // Start where the condition began to hold, before the alert fired: the cause is there.
  const start = alert?.since ?? (incident.since ? incident.since / 1000 - (rule?.duration ?? 0) : 0);
  const [from, to] = useMemo(() => around(start, state.from, state.to), [Math.round(start), state.from, state.to]);
  const shown = useBoard({ ...state, from, to, refresh: to === 'now' ? '10s' : 'off' });
  const recorded = useMemo(() => new Map(rules.value?.data.groups.flatMap(({ rules: all }) => all.filter(({ type }) => type === 'recording').map(({ name, query }) => [name, query] as const))), [rules.at > 0]);
  const board = useMemo(
    () => shown.board && (rules.at || rules.trouble) ? incidentBoard(shown.board, incident.alert, rule?.query ?? '', rule?.labels?.component ?? alert?.component ?? '', recorded) : undefined,
    [shown.board, recorded, rules.trouble, rule?.query, alert?.component],
  );
  const marks = useMemo<Mark[]>(() => (start ? [{ time: start, color: 'red', title: `${incident.alert} begins`, text: '', strong: true }] : []), [Math.round(start)]);
  const lastFired = useLastFired(incident, shown.range, alerts.at > 0 && !alert);
  const logs = start ? { from: start - LOG_BEFORE, to: start + LOG_AFTER } : { from: shown.range.to - 2 * LOG_BEFORE, to: shown.range.to };
  const warnings = useLogs({ from: Math.floor(logs.from), to: Math.floor(logs.to), level: 'warn', limit: 200, kinds: 1 }, shown.turn);

  const onZoom = useCallback((range: Range) => change({ from: String(Math.round(range.from * 1000)), to: String(Math.round(range.to * 1000)) }), [change]);
  const onPanel = useCallback((panel: number) => change({ panel }), [change]);
  const known = useMemo(() => new Set(rules.value?.data.groups.flatMap(({ rules: all }) => all.filter(({ type }) => type === 'alerting').map(({ name }) => name))), [rules.at > 0]);
  const drawn = {
    addresses: { PAGE: location.origin, API: places.value?.api ?? '$API', PROM: places.value?.prometheus ?? '$PROM', AM: places.value?.alertmanager ?? '$AM' },
    alert: (name: string) => (known.has(name) && name !== incident.alert ? incidentLink({ name, component: state.uid === 'monitoring-health' ? 'monitoring' : '', labels: {}, fired: null, since: 0 }) : undefined),
  };
  const boardLink = `/d/${state.uid}?from=${Math.round(shown.range.from * 1000)}&to=${to === 'now' ? 'now' : Math.round(shown.range.to * 1000)}${state.theme === 'light' ? '&theme=light' : ''}`;
  return (
    <Frame
      title={alert?.summary ?? (annotation(rule?.annotations?.summary, incident.labels) || incident.alert)}
      here="Alerts"
      theme={state.theme}
      onTheme={() => change({ theme: state.theme === 'dark' ? 'light' : 'dark' })}
      asOf={shown.health.asOf}
      trouble={shown.trouble || faultOf(alerts.value, alerts.trouble)}
      tools={<><span className="spring" /><a href={boardLink}>Whole dashboard</a><TimeRange from={from} to={to} range={shown.range} onChange={(a, b) => change({ from: a, to: b })} /></>}
    >
      <div className="incident">
        <div className="what">
          {alerts.at > 0 || alerts.trouble ? <Head incident={incident} alert={alert} rule={rule} lastFired={lastFired} onDone={again} silences={alerts.value?.silences ?? []} /> : <p className="faint">Loading…</p>}
          <Why />
          <section id="runbook" aria-label="What to do">
            <h2>What to do {runbook.value && <span className="faint">docs/runbooks/{runbook.value.file}</span>}</h2>
            {runbook.value ? <Runbook text={runbook.value.text} places={drawn} /> : runbook.trouble && <p className="bad">{runbook.trouble}</p>}
          </section>
        </div>
        <div className="seen">
          <section id="panels" aria-label="Panels">
            <h2>Panels <span className="faint">{start ? `the red line at ${clock(start)} marks when the condition began` : ''}</span></h2>
            {board && board.panels.length > 0 && (
              <Board {...shown} board={board} choices={state.choices} theme={state.theme} panel={state.panel} marks={marks} onZoom={onZoom} onPanel={onPanel} />
            )}
            {board && !board.panels.length && <p className="faint">This dashboard has no panel about this alert.</p>}
          </section>
          <section id="logs" aria-label="Log lines">
            <h2>Log lines <span className="faint">warnings and errors, {clock(logs.from, false)} to {clock(logs.to, false)}</span> <a href={logsLink({ ...logs, level: 'debug' })}>All lines of this time range</a></h2>
            <LogKinds {...warnings} />
          </section>
        </div>
      </div>
    </Frame>
  );
}
