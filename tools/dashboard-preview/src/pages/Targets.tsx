// Prometheus' targets and the result of their last scrape; targets that are down come first.
import { Frame } from '../Frame';
import { usePolled } from '../server';
import { useTheme } from '../theme';
import { ago, format } from '../units';

interface Target {
  labels: Record<string, string>;
  scrapeUrl: string;
  lastError: string;
  lastScrape: string;
  lastScrapeDuration: number;
  scrapeInterval: string;
  health: 'up' | 'down' | 'unknown';
}

/** The sentence above the table. Without targets nothing is monitored. */
function summary(targets: Target[]): { text: string; bad: boolean } {
  const count = (health: Target['health']) => targets.filter((target) => target.health === health).length;
  const [all, down, unknown] = [targets.length, count('down'), count('unknown')];
  if (!all) return { text: 'Prometheus has no targets.', bad: true };
  if (down) return { text: `${down} of ${all} cannot be scraped.`, bad: true };
  return { text: unknown ? `${unknown} of ${all} have not been scraped yet.` : `All ${all} answer.`, bad: false };
}

const ranks = { down: 0, unknown: 1, up: 2 };

export function TargetsPage() {
  const [theme, onTheme] = useTheme();
  const { value, trouble, at } = usePolled<{ data: { activeTargets: Target[] } }>('/api/prometheus/api/v1/targets?state=active', 10);
  const targets = [...(value?.data.activeTargets ?? [])].sort((a, b) => ranks[a.health] - ranks[b.health] || a.scrapeUrl.localeCompare(b.scrapeUrl));
  const { text, bad } = summary(targets);
  return (
    <Frame title="Targets" here="Targets" theme={theme} onTheme={onTheme} asOf={at} trouble={trouble}>
      {value && <p className={bad ? 'bad' : 'faint'}>{text}</p>}
      <div className="table wide" tabIndex={0} role="group" aria-label="Targets">
        <table data-ready={!!value}>
          <thead>
            <tr><th scope="col">health</th><th scope="col">job</th><th scope="col">instance</th><th scope="col">last scrape</th><th scope="col">duration</th><th scope="col">interval</th><th scope="col">error</th></tr>
          </thead>
          <tbody>
            {targets.map((target) => (
              <tr key={target.scrapeUrl}>
                <td><b className={target.health === 'up' ? 'good' : target.health === 'down' ? 'bad' : ''}>{target.health}</b></td>
                <td>{target.labels.job}</td>
                <td>{target.labels.instance}</td>
                <td>{target.lastScrape.startsWith('0001') ? 'never' : ago(Date.now() / 1000 - Date.parse(target.lastScrape) / 1000)}</td>
                <td className="number">{format(target.lastScrapeDuration, 's')}</td>
                <td>{target.scrapeInterval}</td>
                <td className="wrap">{target.lastError}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Frame>
  );
}
