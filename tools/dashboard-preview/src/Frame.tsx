// The frame of every page: links to the other pages, the age of the data, faults of the monitoring itself.
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { clock } from './clock';
import type { Theme } from './colors';
import { type Alerts, usePolled } from './server';

const pages: Array<[string, string]> = [['/alerts', 'Alerts'], ['/d/ingest-api', 'Dashboards'], ['/logs', 'Logs'], ['/targets', 'Targets'], ['/rules', 'Rules']];

interface Props {
  title: string;
  /** this page's name in the list above */
  here: string;
  theme: Theme;
  onTheme: () => void;
  /** time of the data in seconds; 0: not known yet */
  asOf: number;
  trouble: string;
  /** controls beside the title, and below it */
  tools?: ComponentChildren;
  choices?: ComponentChildren;
  children: ComponentChildren;
}

/** The number of firing alerts, for the list of pages; red if one is critical. */
function Firing() {
  const { value } = usePolled<Alerts>('/api/alerts', 15);
  const firing = value?.alerts.filter(({ state }) => state === 'firing') ?? [];
  if (!firing.length) return null;
  return <span className={firing.some(({ severity }) => severity === 'critical') ? 'count bad' : 'count'}>{firing.length}</span>;
}

export function Frame({ title, here, theme, onTheme, asOf, trouble, tools, choices, children }: Props) {
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);
  useEffect(() => {
    document.title = title;
  }, [title]);
  const link = (path: string) => (theme === 'light' ? `${path}?theme=light` : path);
  return (
    <div className="page">
      <header>
        <nav className="line" aria-label="Pages">
          {pages.map(([path, name]) => (
            <a key={path} href={link(path)} aria-current={name === here ? 'page' : undefined}>
              {name} {path === '/alerts' && <Firing />}
            </a>
          ))}
          <span className="spring" />
          <span className={trouble ? 'asof old' : 'asof'}>{asOf ? `as of ${clock(asOf)}` : ''}</span>
          <button type="button" onClick={onTheme}>{theme === 'dark' ? 'Light' : 'Dark'}</button>
        </nav>
        <div className="line">
          <h1>{title}</h1>
          {tools}
        </div>
        {choices && <div className="line">{choices}</div>}
        {trouble && <div className="trouble" role="alert">{trouble}</div>}
      </header>
      <main className={trouble ? 'old' : ''}>{children}</main>
    </div>
  );
}
