// Current alerts: firing (most severe first, then oldest), pending, silenced and inhibited.
import { useState } from 'preact/hooks';
import { clock } from '../clock';
import { Frame } from '../Frame';
import { type Alert, type Alerts, incidentLink, telling, usePolled } from '../server';
import { SilenceForm, Silences } from '../Silence';
import { useTheme } from '../theme';
import { span } from '../units';

export function Labels({ labels }: { labels: Record<string, string> }) {
  const shown = telling(labels);
  if (!shown.length) return null;
  return <p className="labels">{shown.map(([name, value]) => <span key={name}>{name} <b>{value}</b></span>)}</p>;
}

function Card({ alert, onDone }: { alert: Alert; onDone: () => void }) {
  const link = incidentLink(alert);
  const now = Date.now() / 1000;
  return (
    <article className={`alert ${alert.severity}`} data-alert={alert.name}>
      <h3><b className="severity">{alert.severity}</b> <a href={link}>{alert.summary}</a></h3>
      <p className="when">
        {alert.name} · {alert.state} · since {clock(alert.since)}, {span(now - alert.since)}
        {alert.inhibitedBy.length > 0 && ` · inhibited by ${[...new Set(alert.inhibitedBy)].join(', ')}`}
      </p>
      <Labels labels={alert.labels} />
      <p>{alert.description}</p>
      <div className="ways">
        <a href={`${link}#panels`}>Panels</a>
        <a href={`${link}#runbook`}>Runbook</a>
        <a href={`${link}#logs`}>Logs</a>
        {alert.state === 'firing' && <SilenceForm alert={alert} onDone={onDone} />}
      </div>
    </article>
  );
}

function Section({ title, alerts, onDone }: { title: string; alerts: Alert[]; onDone: () => void }) {
  if (!alerts.length) return null;
  return (
    <section aria-label={title}>
      <h2>{title} <span className="faint">{alerts.length}</span></h2>
      {alerts.map((alert) => <Card key={JSON.stringify(alert.labels)} alert={alert} onDone={onDone} />)}
    </section>
  );
}

/** Faults of the monitoring itself. */
export function faultOf(value: Alerts | undefined, trouble: string): string {
  if (trouble || !value) return trouble;
  if (value.faults.length) return `${value.faults.join('. ')}. Alerts may be missing.`;
  return value.watchdog ? '' : 'The Watchdog does not fire, but it must always fire: no rules are loaded, or they are not evaluated yet. Alerts may be missing.';
}

export function AlertsPage() {
  const [theme, onTheme] = useTheme();
  const [turn, setTurn] = useState(0);
  const { value, trouble, at } = usePolled<Alerts>('/api/alerts', 5, turn);
  const again = () => setTurn((t) => t + 1);
  const of = (...states: string[]) => value?.alerts.filter(({ state }) => states.includes(state)) ?? [];
  const fault = faultOf(value, trouble);
  return (
    <Frame title="Alerts" here="Alerts" theme={theme} onTheme={onTheme} asOf={at} trouble={fault}>
      <div className="alerts" data-ready={!!value}>
        {value && !fault && !of('firing').length && <p className="quiet">No alert is firing.</p>}
        <Section title="Firing" alerts={of('firing')} onDone={again} />
        <Section title="Pending: fires if it lasts" alerts={of('pending')} onDone={again} />
        <Section title="No notification: silenced" alerts={of('silenced')} onDone={again} />
        <Section title="No notification: inhibited by another alert" alerts={of('inhibited')} onDone={again} />
        {value && value.silences.length > 0 && (
          <section aria-label="Silences">
            <h2>Silences</h2>
            <Silences silences={value.silences} onDone={again} />
          </section>
        )}
      </div>
    </Frame>
  );
}
