// Which page an address is. Pages are left by links of the browser's own, so that Back, a second tab and a bookmark do what they always do.
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

/** Where links of Alertmanager's own lead when this page stands in for its page: /#/alerts, /#/silences/new?filter=… */
if (location.pathname === '/' && /^#\/(alerts|silences)/.test(location.hash)) location.replace('/alerts');

const Page = pages[location.pathname] ?? (fromUrl().incident ? IncidentPage : BoardsPage);
render(<Page />, document.getElementById('root')!);
