// Stands in for the code editor, which no board uses.
export default function Nothing(): null {
  return null;
}
export const loader = { config() {} };
export const editor = {};
export const languages = {};
