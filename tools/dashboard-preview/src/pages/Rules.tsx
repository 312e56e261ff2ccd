// All rules of Prometheus: first those that fail, then firing alerts.
import { useState } from 'preact/hooks';
import { Frame } from '../Frame';
import { incidentLink, usePolled } from '../server';
import { useTheme } from '../theme';
import { ago, format } from '../units';

export interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  duration: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  health: string;
  lastError?: string;
  state?: 'firing' | 'pending' | 'inactive';
  lastEvaluation: string;
  evaluationTime: number;
}
export interface Rules {
  data: { groups: Array<{ name: string; file: string; interval: number; rules: Rule[] }> };
}

const ranks: Record<string, number> = { firing: 1, pending: 2 };
const rank = (rule: Rule): number => (rule.health === 'err' ? 0 : ranks[rule.state ?? ''] ?? 3);

export function RulesPage() {
  const [theme, onTheme] = useTheme();
  const [filter, setFilter] = useState('');
  const { value, trouble, at } = usePolled<Rules>('/api/prometheus/api/v1/rules', 15);
  const all = value?.data.groups.flatMap(({ rules }) => rules) ?? [];
  const found = all.filter(({ name, query }) => `${name} ${query}`.toLowerCase().includes(filter.toLowerCase())).sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  const failing = all.filter(({ health }) => health === 'err').length;
  const state = (rule: Rule) => (rule.health === 'err' ? 'failing' : rule.type === 'recording' ? 'recording' : rule.state!);
  return (
    <Frame
      title="Rules"
      here="Rules"
      theme={theme}
      onTheme={onTheme}
      asOf={at}
      trouble={trouble}
      tools={<label className="select">Find <input type="search" value={filter} size={30} onInput={(event) => setFilter(event.currentTarget.value)} /></label>}
    >
      {value && <p className={failing || !all.length ? 'bad' : 'faint'}>{!all.length ? 'No rules are loaded: no alert can fire.' : failing ? `${failing} of ${all.length} rules cannot be evaluated.` : `All ${all.length} rules are evaluated.`}</p>}
      <div className="table wide" tabIndex={0} role="group" aria-label="Rules">
        <table data-ready={!!value}>
          <thead>
            <tr><th scope="col">state</th><th scope="col">name</th><th scope="col">for</th><th scope="col">last evaluation</th><th scope="col">duration</th><th scope="col">expression</th></tr>
          </thead>
          <tbody>
            {found.map((rule, i) => (
              <tr key={i}>
                <td><b className={rank(rule) < 2 && rule.name !== 'Watchdog' ? 'bad' : ''}>{state(rule)}</b></td>
                <td>{rule.type === 'alerting' ? <a href={incidentLink({ name: rule.name, component: rule.labels?.component ?? '', labels: {}, fired: null, since: 0 })}>{rule.name}</a> : rule.name}</td>
                <td>{rule.duration ? format(rule.duration, 's') : ''}</td>
                <td>{ago(Date.now() / 1000 - Date.parse(rule.lastEvaluation) / 1000)}</td>
                <td className="number">{format(rule.evaluationTime, 's')}</td>
                <td className="wrap">{rule.lastError && <p className="bad">{rule.lastError}</p>}<code>{rule.query}</code></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Frame>
  );
}
