// Chooses the page for a URL. Pages are joined by ordinary links, so that Back, tabs and bookmarks work.
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './page.css';
import { AlertsPage } from './pages/Alerts';
import { BoardsPage } from './pages/Boards';
import { GraphPage } from './pages/Graph';
import { IncidentPage } from './pages/Incident';
import { LogSearchPage } from './pages/LogSearch';
import { RulesPage } from './pages/Rules';
import { TargetsPage } from './pages/Targets';
import { fromUrl } from './state';

const pages: Record<string, () => preact.JSX.Element> = { '/alerts': AlertsPage, '/graph': GraphPage, '/logs': LogSearchPage, '/rules': RulesPage, '/targets': TargetsPage };

/** Alertmanager's own links, when this page replaces its web page: /#/alerts, /#/silences/new?filter=… */
if (location.pathname === '/' && /^#\/(alerts|silences)/.test(location.hash)) location.replace('/alerts');

const Page = pages[location.pathname] ?? (fromUrl().incident ? IncidentPage : BoardsPage);
render(<Page />, document.getElementById('root')!);
