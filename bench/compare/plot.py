"""A plot of processor time per message, as SVG: a line for each row, a dot for each server's median with its spread, logarithmic."""

import math
from xml.sax.saxutils import escape

COLOURS = {"postern": "#0b6e4f", "policy": "#5d4037", "limit": "#9aa0a6", "Postfix": "#c0392b", "Exim": "#2c6fbb", "OpenSMTPD": "#d68910",
           "smtp-sink": "#7d3c98"}
LEFT, TOP, LINE, WIDTH, BOTTOM = 260, 56, 22, 640, 40


def svg(figures, place, title):
    spreads = {(row["name"], server): figures.spread("cpu", place, row, server)
               for row in figures.rows for server in figures.servers()}
    spreads = {key: found for key, found in spreads.items() if found}
    if not spreads:
        return None
    least = 10 ** math.floor(math.log10(min(found.least for found in spreads.values())))
    most = 10 ** math.ceil(math.log10(max(found.most for found in spreads.values())))

    def x(value):
        return LEFT + WIDTH * math.log(value / least) / math.log(most / least)

    height = TOP + LINE * len(figures.rows) + BOTTOM
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 40}" height="{height}" font-family="sans-serif" '
             'font-size="11">', '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="{LEFT}" y="18" font-size="13">{escape(title)}</text>']
    at = LEFT
    for server in figures.servers():
        lines.append(f'<circle cx="{at}" cy="36" r="4" fill="{COLOURS[server]}"/><text x="{at + 8}" y="40">{escape(server)}</text>')
        at += 100
    bottom = TOP + LINE * len(figures.rows)
    tick = least
    while tick <= most:
        for times in range(1, 10 if tick < most else 2):
            weight = "#b0b0b0" if times == 1 else "#ececec"
            lines.append(f'<line x1="{x(tick * times):.1f}" x2="{x(tick * times):.1f}" y1="{TOP}" y2="{bottom}" stroke="{weight}"/>')
        lines.append(f'<text x="{x(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
        tick *= 10
    lines.append(f'<text x="{LEFT + WIDTH / 2}" y="{bottom + 32}" text-anchor="middle">microseconds of processor time per message</text>')
    for number, row in enumerate(figures.rows):
        y = TOP + LINE * number + LINE / 2
        lines.append(f'<text x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(row["name"])}</text>')
        for server in figures.servers():
            found = spreads.get((row["name"], server))
            if found:
                colour = COLOURS[server]
                lines.append(f'<line x1="{x(found.least):.1f}" x2="{x(found.most):.1f}" y1="{y}" y2="{y}" stroke="{colour}"/>'
                             f'<circle cx="{x(found.median):.1f}" cy="{y}" r="4" fill="{colour}"/>')
    return "\n".join([*lines, "</svg>\n"])
