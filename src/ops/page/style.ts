/** One style for light and dark. A state has a word and a sign besides its colour; all text keeps a contrast of 4.5 to 1. */
export const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#d0d7de, #3d444d); --soft: light-dark(#57606a, #9ea7b3);
  --open: light-dark(#116329, #56d364); --pending: light-dark(#0550ae, #79c0ff);
  --blocked: light-dark(#a40e26, #ff9492); --unknown: light-dark(#6e4000, #e3b341); }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem 1.25rem 4rem; font: 1rem/1.5 system-ui, sans-serif;
  color: light-dark(#1f2328, #e6edf3); background: light-dark(#fff, #0d1117); }
header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; flex-wrap: wrap; }
h1 { font-size: 1.1rem; margin: 0; }
h2 { font-size: 1.25rem; margin: 0; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 2rem 0 .5rem; }
a { color: light-dark(#0550ae, #79c0ff); }
section { border: 1px solid var(--line); border-top: .4rem solid var(--tone); border-radius: .4rem; padding: 1.25rem; margin-top: 1.5rem; }
.open { --tone: var(--open); } .pending { --tone: var(--pending); }
.blocked { --tone: var(--blocked); } .unknown { --tone: var(--unknown); }
.state { color: var(--tone); font-size: 2.5rem; font-weight: 700; line-height: 1.2; margin: .25rem 0 0; }
.soft { color: var(--soft); margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } .number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: .9em ui-monospace, monospace; background: light-dark(#eff1f3, #21262d); padding: .1em .35em; border-radius: .25em; overflow-wrap: anywhere; }
.reason { white-space: nowrap; }
.fix { margin: .5rem 0 0; min-width: 16rem; } .fix code { white-space: pre-line; }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0 0; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
`;
