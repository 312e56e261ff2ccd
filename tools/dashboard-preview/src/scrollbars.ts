// react-custom-scrollbars-2 is CommonJS with its component under `default`. An importer that is .mjs, as @grafana/ui is,
// gets the whole module instead of that; from here the name can be taken out.
// @ts-expect-error -- the package's own path, so that the alias does not lead back here
import { Scrollbars } from '../node_modules/react-custom-scrollbars-2/lib/index.js';

export default Scrollbars;
