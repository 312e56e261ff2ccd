// The accessibility rules for all pages of the project, including the live view of lib/promc-exporter.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** The violations that axe finds. The debugger runs it, so the page's Content-Security-Policy does not block it. */
export async function axe(page) {
  await page.evaluate(source);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'] });
    return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.length}, as ${nodes[0].html.slice(0, 160)}`);
  });
}
