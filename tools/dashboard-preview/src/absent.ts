// Stands in for the code editor, which no board uses.
const nothing = {};
export default nothing;
export const loader = { config() {} };
export const editor = nothing;
export const languages = nothing;
