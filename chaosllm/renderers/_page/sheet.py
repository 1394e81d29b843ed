"""The style sheet of the page: light and dark, screen and paper, from 360 pixels up."""

from __future__ import annotations

_COLOURS = """
:root{--bg:#fff;--fg:#1c2128;--dim:#57606a;--line:#d5dae0;--card:#f6f8fa;--link:#0550ae;--hit:#fff3d6;--code:#1b1f2414;
--pass:#116b3d;--pass-bg:#e3f5ea;--fail:#b3261e;--fail-bg:#fdebe9;--inconclusive:#7a4d00;--inconclusive-bg:#fff3d6;
color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--bg:#10141a;--fg:#e4e8ed;--dim:#9aa5b1;--line:#303841;--card:#181e26;
--link:#7cb7ff;--hit:#2e2408;--code:#ffffff1f;--pass:#5fd394;--pass-bg:#10281c;--fail:#ff8a80;--fail-bg:#331614;
--inconclusive:#f2c14e;--inconclusive-bg:#2e2408}}
"""

_TEXT = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
main,footer{max-width:74rem;margin:0 auto;padding:0 1.25rem}
main:focus{outline:0}
.skip{position:absolute;left:-999rem;background:var(--bg);padding:.5rem 1rem}
.skip:focus{left:.5rem;top:.5rem;z-index:3}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--link);outline-offset:2px}
main:focus-visible{outline:0}
h1,h2,h3,h4{line-height:1.25;margin:0}
h2{font-size:1.3rem;margin:2.75rem 0 .75rem;padding-bottom:.35rem;border-bottom:1px solid var(--line)}
h2.plain{font-size:1.05rem;margin:1rem 0 .5rem;padding:0;border:0}
h3{font-size:1.02rem;margin:1.5rem 0 .5rem}
h4{font-size:.875rem;margin:.9rem 0 .3rem;color:var(--dim);font-weight:600}
p{margin:.5rem 0}
section>p,section>ul,legend{max-width:60rem}
.dim{color:var(--dim)}
.small{font-size:.875rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;overflow:auto;margin:.5rem 0;
overflow-wrap:normal;line-height:1.45}
:is(p,li,dd,dt,h3) code{background:var(--code);border-radius:.25rem;padding:.05em .15em}
code.phase,:is(p,li,dd,dt,h3) code.phase{background:none;border:1px solid;border-radius:1rem;padding:0 .45em;
font-family:inherit;font-weight:600}
.means a{font-weight:400}
.what .code{color:var(--dim);display:inline-block;max-width:100%}
.ids code{background:none;padding:0}
.narrow{display:none}
.pass{color:var(--pass)}.fail{color:var(--fail)}.inconclusive{color:var(--inconclusive)}
.word{font-weight:700;white-space:nowrap}
details{margin:.4rem 0}
summary{cursor:pointer;color:var(--link);padding:.15rem 0}
footer{margin:3rem auto 2rem;color:var(--dim);font-size:.875rem}
"""

_FIRST = """
.hero{margin:1rem 0 0;padding:.9rem 1.25rem;border-radius:.75rem;border:1px solid;border-left-width:.5rem}
.hero.pass{background:var(--pass-bg)}.hero.fail{background:var(--fail-bg)}
.hero.inconclusive{background:var(--inconclusive-bg)}
.hero h1{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1rem .75rem;font-size:1.3rem}
.hero h1 .verdict{font-size:2rem;letter-spacing:.02em;white-space:nowrap}
.hero h1 .name,.hero p,.hero ul{color:var(--fg)}
.hero p{margin:.3rem 0}
.hero .means{font-weight:600}
.hero .pass,.hero .fail,.hero .inconclusive{white-space:normal}
.facts{list-style:none;display:flex;flex-wrap:wrap;gap:0 1.5rem;margin:.4rem 0 0;padding:0;font-size:.875rem}
.hero .dim,.hero .facts{color:color-mix(in srgb,var(--fg) 82%,transparent)}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,15rem),1fr));gap:.75rem;margin:.75rem 0}
.figures div{border:1px solid var(--line);border-radius:.75rem;padding:.6rem .9rem}
.figures dt{color:var(--dim);font-size:.875rem;font-weight:600}
.figures dd{margin:.1rem 0;font-size:.875rem}
.figures dd.figure{font-size:1.5rem;font-weight:700;line-height:1.25}
.lone{font-size:1.05rem;margin:.75rem 0}
.change{border:1px solid var(--inconclusive);border-radius:.75rem;padding:.25rem 1.15rem .6rem;margin:.75rem 0}
.change ul,.doubts ul{margin:.3rem 0;padding-left:1.25rem}
.doubts{margin:.9rem 0;font-size:.925rem}.doubts p{margin:0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:.75rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:.75rem 1rem}
.card.critical,.card.major{border-top:3px solid var(--fail)}.card.minor{border-top:3px solid var(--inconclusive)}
.card h3{margin:0 0 .25rem}
.card p{margin:.3rem 0}.cards .card p{font-size:.925rem}.cards .card .small{font-size:.875rem}
.ids code{display:inline-block;max-width:100%;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;
vertical-align:bottom;margin-right:.45em}
.ids a code{text-decoration:underline}
.all{display:grid;gap:1rem}.all>*{min-width:0}
.severity{font-size:.75rem;font-weight:700;text-transform:uppercase;letter-spacing:.05em;border:1px solid;
border-radius:1rem;padding:.05rem .55rem}
.severity.critical,.severity.major{color:var(--fail)}.severity.minor{color:var(--inconclusive)}
.severity.info{color:var(--dim)}.severity.critical{background:var(--fail-bg)}
nav ul{display:flex;flex-wrap:wrap;gap:.1rem 1.25rem;list-style:none;margin:1.25rem 0 0;padding:.5rem 0;
border-block:1px solid var(--line)}
nav a{display:inline-block;padding:.15rem 0}
"""

_TABLES = """
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;overflow-wrap:normal}
th,td{padding:.4rem .8rem .4rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--dim);font-weight:600;font-size:.875rem;vertical-align:bottom}
td.n,th.n{text-align:right;white-space:nowrap}
thead th.n{white-space:normal}
td.n+td:not(.n),th.n+th:not(.n){padding-left:1rem}
td.n:last-child,th.n:last-child{padding-right:0}
td .dim,td .small,th .small{display:block}td code{white-space:nowrap}
.bar{display:flex;height:.8rem;min-width:7rem;max-width:14rem;margin-left:auto;border-radius:.2rem;overflow:hidden;margin-top:.35rem}
.bar span{display:block;min-width:1px}
.meter{display:block;width:12rem;height:.8rem;margin-top:.35rem;background:var(--line);border-radius:.2rem}
.meter i{display:block;height:100%;background:#0072B2;border-radius:.2rem}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;margin:.5rem 0;font-size:.875rem}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;margin-right:.4rem;vertical-align:-.1rem}
.matrix{border:1px solid var(--line);border-radius:.5rem}
.matrix table{border-collapse:separate;border-spacing:0;width:auto;min-width:100%}
.matrix th,.matrix td{padding:.35rem .7rem}
.matrix th:first-child{position:sticky;left:0;background:var(--bg);z-index:1;font-weight:600;
min-width:15rem;max-width:22rem;border-right:1px solid var(--line)}
.matrix .group th{background:var(--card);font-size:.875rem;padding-top:.7rem}
.matrix .group th.n{color:var(--dim);font-weight:600}
.matrix td.n:last-child,.matrix th.n:last-child{padding-right:.7rem}
.matrix .about{font-weight:400}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:2rem;
align-items:start}
figure{margin:0;min-width:0}
figure h3{margin-top:0}
figure .scroll{margin:.25rem 0}
figure svg{display:block;width:100%;min-width:22rem;height:auto;color:var(--fg)}
figcaption p{color:var(--dim);font-size:.925rem}
.nothing{border:1px dashed var(--line);border-radius:.75rem;padding:.75rem 1.15rem .75rem 2.1rem;margin:.5rem 0;
color:var(--dim);font-size:.925rem}
.nothing strong{color:var(--fg)}
"""

# Four lanes, their lines at 12.5, 37.5, 62.5 and 87.5 %; --a is the left lane of a row, --w how many it spans.
_SEQUENCE = """
.story{border:1px solid var(--line);border-radius:.5rem;padding:.3rem .8rem;margin:.35rem 0;background:var(--bg)}
.story>div{scroll-margin-top:4rem}
.story>div:target{background:var(--hit)}
.seq{max-width:46rem;font-size:.875rem;margin:.4rem 0 .6rem}
.seq ol{list-style:none;margin:0;padding:0}
.seq li,.lanes{display:grid;grid-template-columns:4.2rem minmax(0,1fr);gap:.5rem}
.seq .t{white-space:nowrap}
.lanes b,.seq .t{color:var(--dim);font-weight:400;font-variant-numeric:tabular-nums;text-align:right}
.lanes div{display:grid;grid-template-columns:repeat(4,1fr);font-weight:700;text-align:center}
.seq li>div{padding:.2rem 0;min-width:0;background:linear-gradient(var(--line),var(--line)) 12.5% 0/1px 100% no-repeat,
linear-gradient(var(--line),var(--line)) 37.5% 0/1px 100% no-repeat,
linear-gradient(var(--line),var(--line)) 62.5% 0/1px 100% no-repeat,
linear-gradient(var(--line),var(--line)) 87.5% 0/1px 100% no-repeat}
.seq li p{margin:0 0 0 calc(var(--a)*25% + 12.5% + .3rem);width:fit-content;padding:0 .3rem;background:var(--bg)}
.seq .note p{border:1px solid var(--line);border-radius:.35rem;
margin-left:calc(var(--a)*25% + 12.5%);transform:translateX(max(-50%,-4rem));padding:.05rem .5rem}
.seq .fault p{border-color:var(--fail);background:var(--fail-bg);color:var(--fail);font-weight:600}
.seq .bad p{color:var(--fail)}.seq .good p{color:var(--pass)}
.seq i{display:block;position:relative;height:.5rem;margin-left:calc(var(--a)*25% + 12.5%);width:calc(var(--w)*25%)}
.seq i::before{content:"";position:absolute;left:0;right:0;top:.2rem;border-top:2px solid currentColor}
.seq i::after{content:"";position:absolute;top:calc(.2rem - 3px);border:4px solid transparent}
.seq i.go::after{right:-2px;border-left:7px solid currentColor;border-right:0}
.seq i.back::after{left:-2px;border-right:7px solid currentColor;border-left:0}
.seq .bad i{color:var(--fail)}.seq .good i{color:var(--pass)}
"""

_NARROW = """
@media (max-width:40rem){body{font-size:15px}main,footer{padding:0 .75rem}
.hero{padding:.75rem .9rem;border-left-width:.35rem}.hero h1{font-size:1.15rem}.hero h1 .verdict{font-size:1.6rem}
.figures{gap:.5rem}.figures div{padding:.45rem .75rem}.figures dd.figure{font-size:1.25rem}
.card{padding:.7rem .8rem}.story{padding:.3rem .5rem}
.stack thead{position:absolute;left:-999rem}
.stack tr{display:block;padding:.6rem 0;border-bottom:1px solid var(--line)}
.stack td code{white-space:normal;overflow-wrap:anywhere}
.stack td{display:block;border:0;padding:.1rem 0!important;text-align:left;white-space:normal;max-width:100%}
.stack td.n{display:flex;flex-wrap:wrap;gap:0 .5rem;align-items:baseline;text-align:left}
.stack td.n::before{content:attr(data-name);color:var(--dim);min-width:8.5rem;font-size:.875rem}
.stack td.n .bar{flex-basis:100%;max-width:none}
.narrow{display:block}
.meter{width:5rem}figure .scroll{margin-inline:-.6rem}
.matrix th:first-child{min-width:8rem;max-width:8rem}.matrix .about{display:none}
.matrix th,.matrix td{padding:.35rem .5rem}
.seq{font-size:.85rem}.seq li,.lanes{grid-template-columns:3.5rem minmax(0,1fr);gap:.25rem}
.lanes div{font-size:.75rem}.lanes b,.seq .t{font-size:.8rem;white-space:nowrap}
.seq li.arrow p{margin-left:calc(var(--a)*12%)}.seq .note p{margin-left:calc(var(--a)*12%);transform:none}}
"""

_PAPER = """
@media print{:root{--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--card:#fff;--link:#000;--pass:#116b3d;--pass-bg:#fff;
--fail:#b3261e;--fail-bg:#fff;--inconclusive:#7a4d00;--inconclusive-bg:#fff;--hit:#fff;--code:#fff;color-scheme:light}
body{font-size:10pt}nav,.skip,.narrow{display:none}
/* Paper cannot unfold: what is folded is printed open. Browsers without the selector print it as it stands. */
details::details-content{content-visibility:visible;block-size:auto;display:block}summary{color:inherit;list-style:none}
.scroll,pre{overflow:visible;max-height:none}pre{white-space:pre-wrap}
.card,figure,.figures div,tr,.seq li{break-inside:avoid}.all .card{break-inside:auto}h2,h3,h4{break-after:avoid}
figure svg{min-width:0}.matrix table{font-size:8pt}.matrix th,.matrix td{position:static!important;padding:.2rem .3rem}
.matrix th:first-child{min-width:0}.matrix .about{display:none}.matrix .small{font-size:7pt}
:is(p,li,dd,dt,h3) code{padding:0}.figures{grid-template-columns:1fr 1fr}.charts{grid-template-columns:1fr 1fr;gap:1rem}
.bar,.key i,.hero,.meter i,.seq li>div{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""

PAGE = "".join((_COLOURS, _TEXT, _FIRST, _TABLES, _SEQUENCE, _NARROW, _PAPER))
