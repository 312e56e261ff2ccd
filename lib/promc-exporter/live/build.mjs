// SPDX-License-Identifier: Apache-2.0
// build.mjs OUT.html: one self-contained page, script and styles inside; refuses to grow past 60 kB.
import { build } from 'esbuild';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const LIMIT = 60_000;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const bundle = async (options) => (await build({ bundle: true, minify: true, write: false, target: 'es2022', charset: 'utf8', logLevel: 'warning', ...options })).outputFiles[0].text;

/** The page draws straight lines only: uPlot's other kinds of path are not hooked in, so that the bundler can drop them. */
const linesOnly = {
  name: 'uplot-lines-only',
  setup({ onLoad }) {
    onLoad({ filter: /uPlot\.esm\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replace(/^\s*\(paths\.(?:stepped|bars|spline)\s*=.*$|^\s*uPlot\.(?:join|tzDate)\s*=.*$/gm, ''),
    }));
  },
};

const script = await bundle({ entryPoints: [here('src/live.js')], format: 'iife', plugins: [linesOnly] });
const style = await bundle({
  stdin: { contents: `@import "uplot/dist/uPlot.min.css";\n${readFileSync(here('src/live.css'), 'utf8')}`, loader: 'css', resolveDir: here('.') },
});
const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><link rel="icon" href="data:,"><title>promc</title><style>${style.trim()}</style></head><body><header><h1>promc</h1><input id="search" type="search" placeholder="Search metrics and labels" aria-label="Search"><label>every <select id="every" aria-label="Poll every"><option value="1000">1 s</option><option value="2000" selected>2 s</option><option value="10000">10 s</option><option value="0">off</option></select></label><span id="count"></span><span id="state" role="status"></span><a href="metrics">/metrics</a></header><main id="cards"></main><script>${script.trim().replaceAll('</script', '<\\/script')}</script></body></html>\n`;
if (Buffer.byteLength(page) > LIMIT) {
  console.error(`the page has ${Buffer.byteLength(page)} bytes, the limit is ${LIMIT}`);
  process.exit(1);
}
writeFileSync(process.argv[2], page);
console.log(`${process.argv[2]}: ${Buffer.byteLength(page)} bytes`);
