// Bundles src/main.ts with esbuild and runs it: writes ../dashboards/*.json, or with --check compares and exits 1.
import { build } from 'esbuild';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const out = mkdtempSync(join(here, 'node_modules', '.generate-'));
try {
  const file = join(out, 'main.mjs');
  await build({
    entryPoints: [join(here, 'src/main.ts')],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node18',
    logLevel: 'warning',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const { main } = await import(pathToFileURL(file).href);
  process.exitCode = main(join(here, '..', 'dashboards'), process.argv.includes('--check'));
} finally {
  rmSync(out, { recursive: true, force: true });
}
