/**
 * The look of the pages that simulations write: light or dark as its reader's screen is, and legible on a telephone. A
 * page is whole in itself and loads nothing. The colours of lines are Okabe and Ito's, for a light and a dark ground.
 */

const style = `:root{color-scheme:light dark;--page:#fff;--text:#222;--rule:#ddd;--shade:#e69f00;--pale:#8cbfdc;
--line-1:#0072b2;--line-2:#d55e00;--line-3:#007a59;--good:#00664b;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--page:#16181c;--text:#e3e3e3;--rule:#3a3d42;--shade:#c98f00;--pale:#3f6f8f;
--line-1:#56b4e9;--line-2:#f0883e;--line-3:#2fc79a;--good:#4fd6a8;--bad:#ff8a80}}
body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;background:var(--page);
color:var(--text)}h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem}svg{width:100%;height:auto}
.narrow{display:none}
.verdict{font-size:1.1rem;border-left:.3rem solid var(--good);padding-left:.8rem}.verdict.bad{border-color:var(--bad)}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem 1rem .25rem 0;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}thead th{border-bottom:1px solid var(--rule)}
figure{margin:1rem 0}@media(max-width:40rem){body{margin:1rem auto}.wide{display:none}.narrow{display:block}
td,th{padding-right:.6rem}}`

/** A page of this title; `more` is style that only it needs. */
export const page = (title: string, body: string, more = ""): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>certlet: ${title}</title>
<link rel="icon" href="data:,"><style>${style}${more}</style></head><body>
${body}
</body></html>
`
