"""One look for page and charts: the colours of outcomes and lines, and the page's style sheet."""

from __future__ import annotations

from collections.abc import Mapping

# Okabe and Ito (2008), "Color Universal Design": eight colours that all kinds of colour vision tell apart.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE, GREY = "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C"

OUTCOME_COLOURS: Mapping[str, str] = {
    "good": GREEN,
    "degraded": SKY,
    "wrong": ORANGE,
    "error": VERMILLION,
    "hang": PURPLE,
    "dropped": GREY,
}

#: Without black, which a dark page swallows, and yellow, which a light one does.
LINE_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)

PAGE = """
:root{--bg:#fff;--fg:#1c2128;--dim:#57606a;--line:#d5dae0;--card:#f6f8fa;--link:#0550ae;
--pass:#116b3d;--pass-bg:#e3f5ea;--fail:#b3261e;--fail-bg:#fdebe9;--inconclusive:#7a4d00;--inconclusive-bg:#fff3d6;
color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--bg:#10141a;--fg:#e4e8ed;--dim:#9aa5b1;--line:#303841;--card:#181e26;
--link:#7cb7ff;--pass:#5fd394;--pass-bg:#10281c;--fail:#ff8a80;--fail-bg:#331614;--inconclusive:#f2c14e;
--inconclusive-bg:#2e2408}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;overflow-wrap:anywhere}
.skip{position:absolute;left:-999rem;background:var(--bg);padding:.5rem 1rem}
.skip:focus{left:.5rem;top:.5rem;z-index:1}
header,main,footer{max-width:70rem;margin:0 auto;padding:0 1.25rem}
a{color:var(--link)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--link);outline-offset:2px}
h1,h2,h3{line-height:1.25;margin:0}
h2{font-size:1.25rem;margin:2.75rem 0 .75rem;padding-bottom:.35rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:1.5rem 0 .5rem}
p{margin:.5rem 0}
.dim{color:var(--dim)}
.small{font-size:.875rem}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.875em}
pre{background:var(--card);border:1px solid var(--line);border-radius:.5rem;padding:1rem;overflow:auto;margin:.5rem 0;
overflow-wrap:normal}
.pass{color:var(--pass)}.fail{color:var(--fail)}.inconclusive{color:var(--inconclusive)}
.word{font-weight:700;white-space:nowrap}
.hero{max-width:none;margin:1.25rem 0 0;padding:1.25rem 1.5rem;border-radius:.75rem;
border:1px solid;border-left-width:.5rem}
.hero.pass{background:var(--pass-bg)}.hero.fail{background:var(--fail-bg)}
.hero.inconclusive{background:var(--inconclusive-bg)}
.hero h1{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1rem .75rem;font-size:1.5rem}
.hero h1 .verdict{font-size:2rem;letter-spacing:.02em;white-space:nowrap}
.hero h1 .name{color:var(--fg)}
.hero blockquote,.hero p,.hero ul{color:var(--fg)}
.hero blockquote{margin:.75rem 0 .25rem;padding:0;font-size:1.1rem}
.hero ul{margin:.5rem 0 0;padding-left:1.25rem}
.facts{display:flex;flex-wrap:wrap;gap:.25rem 2rem;margin:1rem 0 0}
.facts div{display:flex;gap:.4rem}.facts dt{color:var(--dim)}.facts dd{margin:0;font-weight:600;color:var(--fg)}
.first{margin:1.25rem 0 .75rem}p.first{font-size:1.1rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr));gap:1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1rem 1.15rem}
.card h3{margin:0 0 .4rem;display:flex;flex-wrap:wrap;gap:.2rem .6rem;align-items:baseline}
.card h3 .dim{font-weight:400}
.card p{margin:.35rem 0}
.all{display:grid;gap:1rem}
.severity{font-size:.75rem;font-weight:700;text-transform:uppercase;letter-spacing:.06em;border:1px solid;
border-radius:1rem;padding:.05rem .6rem;white-space:nowrap}
.critical,.major{color:var(--fail)}.minor{color:var(--inconclusive)}.info{color:var(--dim)}
.critical{background:var(--fail-bg)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:1.25rem 0 0;padding:.6rem 0;
border-block:1px solid var(--line)}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;overflow-wrap:normal}
caption{text-align:left;color:var(--dim);padding:0 0 .4rem}
th,td{padding:.45rem .8rem .45rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{color:var(--dim);font-weight:600;font-size:.875rem;white-space:nowrap;vertical-align:bottom}
td.n,th.n{text-align:right;white-space:nowrap}
td.n+td:not(.n),th.n+th:not(.n){padding-left:1rem}
td.n:last-child,th.n:last-child{padding-right:0}
td .dim{display:block}td code{white-space:nowrap}
.bar{display:flex;height:.8rem;min-width:8rem;border-radius:.2rem;overflow:hidden;margin-top:.35rem}
.bar span{display:block;min-width:1px}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;margin:.5rem 0;font-size:.875rem}
.key i{display:inline-block;width:.8rem;height:.8rem;border-radius:.2rem;margin-right:.4rem;vertical-align:-.1rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:2rem;
align-items:start}
figure{margin:0;min-width:0}
figure .scroll{margin:.25rem 0}
figure svg{display:block;width:100%;min-width:19rem;height:auto;color:var(--fg)}
figcaption .says{color:var(--dim);font-size:.925rem}
.nothing{border:1px dashed var(--line);border-radius:.75rem;padding:.75rem 1.15rem .75rem 2.1rem;margin:1.5rem 0;
color:var(--dim);font-size:.925rem}
details{margin:.4rem 0}
summary{cursor:pointer;color:var(--link)}
.story{border:1px solid var(--line);border-radius:.6rem;padding:.6rem 1rem;margin:.6rem 0}
.story :target{background:var(--inconclusive-bg)}
.hit{border-left:3px solid var(--fail);padding-left:.5rem}
.miss{border-left:3px solid var(--line);padding-left:.5rem}
footer{margin:3rem auto 2rem;color:var(--dim);font-size:.875rem}
@media (max-width:40rem){body{font-size:15px}.hero{padding:1rem}main,footer{padding:0 .8rem}
.hero h1{font-size:1.2rem}.hero h1 .verdict{font-size:1.6rem}
.stack thead{position:absolute;left:-999rem}.stack tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}
.stack td code{white-space:normal;overflow-wrap:anywhere}
.stack td{display:block;border:0;padding:.1rem 0!important;text-align:left;white-space:normal}
.stack td.n::before{content:attr(data-name) ": ";color:var(--dim)}}
@media print{:root{--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--card:#fff;--link:#000;--pass:#116b3d;--pass-bg:#fff;
--fail:#b3261e;--fail-bg:#fff;--inconclusive:#7a4d00;--inconclusive-bg:#fff;color-scheme:light}
body{font-size:10.5pt}nav,.skip{display:none}.scroll,pre{overflow:visible}pre{white-space:pre-wrap}
.card,figure,.story,tr{break-inside:avoid}h2,h3{break-after:avoid}figure svg{min-width:0}
details::details-content{content-visibility:visible;display:block;block-size:auto}
.bar,.key i,.hero{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
