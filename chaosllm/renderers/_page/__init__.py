"""The parts of the page, one file for each section: a pure function of the material gives its HTML.

Laws:
1. Every piece of foreign text passes `say`; nothing else puts text into the page.
2. Colour never says anything alone: a word or a sign stands beside it.
3. Nothing is there for each sample: a page of a million operations is as long as one of a hundred.
"""
