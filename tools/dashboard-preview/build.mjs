// Bundles the page into dist/: one script, one style sheet, two fonts.
import { build } from 'esbuild';
import { cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MOST = 1_000_000; // bytes of script; the page must load quickly on a phone
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const dist = here('dist/');
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await build({
  entryPoints: { main: here('src/main.tsx') },
  outdir: dist,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  minify: true,
  logLevel: 'warning',
  external: ['/fonts/*'],
});
for (const [from, to] of [['400', 'Regular'], ['500', 'Medium']]) {
  cpSync(here(`node_modules/@fontsource/inter/files/inter-latin-${from}-normal.woff2`), `${dist}fonts/Inter-${to}.woff2`);
}
writeFileSync(
  `${dist}index.html`,
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dashboards</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/main.css">
<script type="module" src="/main.js"></script>
</head>
<body><div id="root"></div></body>
</html>
`,
);
const { size } = statSync(`${dist}main.js`);
if (size > MOST) throw new Error(`main.js has ${size} bytes, more than ${MOST}`);
