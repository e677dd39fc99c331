"""Plots of bench replay as SVG, by hand: lines over a log scale, and bars. They stand on no background and take their
ink from the reader's light or dark scheme."""
import html
import math
import statistics

STYLE = """<style>
svg { font: 12px system-ui, sans-serif; --ink: #1b1f24; --faint: #d0d7de; }
.s0 { --c: #57606a } .s1 { --c: #0969da } .s2 { --c: #54aeff } .s3 { --c: #bf8700 } .s4 { --c: #8250df }
.s5 { --c: #c297ff } .s6 { --c: #1a7f37 } .s7 { --c: #2da44e } .s8 { --c: #cf222e } .s9 { --c: #fb8f44 } .s10 { --c: #1b1f24 }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --faint: #30363d; }
.s0 { --c: #8b949e } .s1 { --c: #58a6ff } .s2 { --c: #a5d6ff } .s3 { --c: #e3b341 } .s4 { --c: #bc8cff }
.s5 { --c: #e2c5ff } .s6 { --c: #3fb950 } .s7 { --c: #7ee787 } .s8 { --c: #ff7b72 } .s9 { --c: #ffa657 } .s10 { --c: #e6edf3 } }
text { fill: var(--ink) } .grid { stroke: var(--faint) } .line { fill: none; stroke: var(--c); stroke-width: 2 }
.band { fill: var(--c); opacity: .12 } .dot, .bar { fill: var(--c) } .range { stroke: var(--ink) } .small { font-size: 10px }
</style>"""
WIDTH, LEFT, RIGHT, TOP, HEIGHT = 860, 60, 560, 40, 360


def text(x, y, what, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{html.escape(what)}</text>'


def write(path, height, title, note, parts):
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">\n'
                f"<title>{html.escape(title)}</title>\n{STYLE}\n")
        f.write("\n".join([text(LEFT, 20, title, extra=' font-weight="600"')] + parts
                          + [text(LEFT, height - 6, note, extra=' class="small"')]) + "\n</svg>\n")


def scale(found):
    """From a power of ten to one, and the place of a value between them, 0 to 1."""
    low = math.floor(math.log10(max(min(v for v in found if v > 0), 1e-3)))
    high = max(math.ceil(math.log10(max(found))), low + 1)
    return low, high, lambda v: (math.log10(max(v, 10.0 ** low)) - low) / (high - low)


def lines(path, title, x_name, y_name, series, names, note):
    """series: of each key [(x, values of all seeds)]; the line is the median, the band from least to most."""
    series = {k: points for k, points in series.items() if points}
    low, high, place = scale([v for points in series.values() for _, found in points for v in found])
    xs = sorted({x for points in series.values() for x, _ in points})

    def at_x(x):
        return LEFT + (RIGHT - LEFT) * (x - xs[0]) / max(xs[-1] - xs[0], 1)

    def at_y(v):
        return TOP + HEIGHT * (1 - place(v))

    parts = [text(LEFT - 50, TOP - 6, y_name), text((LEFT + RIGHT) / 2, TOP + HEIGHT + 36, x_name, "middle")]
    for power in range(low, high + 1):
        y = at_y(10.0 ** power)
        parts += [f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>',
                  text(LEFT - 6, y + 4, f"{10.0 ** power:g}", "end")]
    parts += [text(at_x(x), TOP + HEIGHT + 18, f"{x:g}", "middle") for x in xs]
    ends = []
    for n, (key, points) in enumerate(series.items()):
        medians = [(at_x(x), at_y(statistics.median(found))) for x, found in points]
        band = [(at_x(x), at_y(max(found))) for x, found in points] + [(at_x(x), at_y(min(found))) for x, found in reversed(points)]
        parts.append(f'<g class="s{n % 11}"><polygon class="band" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in band)}"/>'
                     f'<polyline class="line" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in medians)}"/>'
                     + "".join(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in medians) + "</g>")
        ends.append([medians[-1][1], medians[-1][1], n, names[key]])
    ends.sort()
    for i in range(1, len(ends)):  # names stand beside the ends of their lines, none upon another
        ends[i][1] = max(ends[i][1], ends[i - 1][1] + 15)
    over = max(0, ends[-1][1] - (TOP + HEIGHT))
    for i in range(len(ends) - 1, -1, -1):
        most = TOP + HEIGHT if i == len(ends) - 1 else ends[i + 1][1] - 15
        ends[i][1] = min(ends[i][1], most) if over else ends[i][1]
    for y, label_y, n, name in ends:
        parts.append(f'<g class="s{n % 11}"><polyline class="line" style="stroke-width:1" points="{RIGHT + 4},{y:.1f} {RIGHT + 20},{label_y:.1f}"/>'
                     f'<circle class="dot" cx="{RIGHT + 24}" cy="{label_y:.1f}" r="4"/></g>' + text(RIGHT + 32, label_y + 4, name))
    write(path, TOP + HEIGHT + 64, title, note, parts)


def bars(path, title, x_name, found, names, note):
    """found: of each key the values of all seeds; the bar is the median, the line from least to most."""
    left, right, step = 270, WIDTH - 60, 26
    most = max(v for values in found.values() for v in values) or 1
    parts = [text((left + right) / 2, TOP + step * len(found) + 16, x_name, "middle")]
    for n, (key, values) in enumerate(found.items()):
        y, wide = TOP + step * n, (right - left) / most
        middle = statistics.median(values)
        parts += [text(left - 8, y + 14, names[key], "end"),
                  f'<g class="s{n % 11}"><rect class="bar" x="{left}" y="{y}" width="{middle * wide:.1f}" height="18"/></g>',
                  f'<line class="range" x1="{left + min(values) * wide:.1f}" x2="{left + max(values) * wide:.1f}" y1="{y + 9}" y2="{y + 9}"/>',
                  text(left + max(values) * wide + 6, y + 14, f"{middle:.2f}")]
    write(path, TOP + step * len(found) + 48, title, note, parts)
