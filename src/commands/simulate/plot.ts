/**
 * A plot as SVG text: lines over time, drawn by Apache ECharts' server-side renderer, which needs neither a browser
 * nor a DOM. It is drawn twice, for a wide page and for a narrow one, and the page shows the one that fits. The colours
 * (Okabe and Ito's) can be told apart by people who see few of them; they are the page's variables, so that a dark page
 * has its own. The same values give the same bytes.
 */
import { LineChart } from "echarts/charts"
import { GridComponent, LegendComponent, MarkAreaComponent } from "echarts/components"
import { init, use } from "echarts/core"
import { SVGRenderer } from "echarts/renderers"

use([LineChart, GridComponent, LegendComponent, MarkAreaComponent, SVGRenderer])

/** One line: its name and its points, x ascending. */
interface Line {
  readonly name: string
  readonly points: ReadonlyArray<readonly [number, number]>
  /** Drawn beneath the others, pale. */
  readonly pale?: boolean
}

/** What to draw. `shade` is a stretch of the x axis that is marked, with a word for it. */
export interface Plot {
  readonly lines: ReadonlyArray<Line>
  readonly x: string
  readonly y: string
  /** The end of the y axis, where plots are to be compared; by default what the points need. */
  readonly most?: number
  /**
   * Makes the y axis logarithmic: rates of a quiet hour and of a herd can be read off one plot. Where it begins; what
   * is below stands on it, and it is called 0.
   */
  readonly least?: number
  readonly shade?: { readonly from: number; readonly to: number; readonly word: string }
}

/** In pixels. A narrow page is a telephone's. */
const sizes = { wide: { width: 960, height: 320 }, narrow: { width: 358, height: 280 } } as const
type Size = keyof typeof sizes

/** The page's variables, and the colours that stand for them while ECharts, which knows no variables, draws. */
const variables = { text: "#010101", rule: "#020202", shade: "#030303", pale: "#040404" } as const
const lineColours = ["#0a0001", "#0a0002", "#0a0003"]
const font = "system-ui, sans-serif"

const inTheirVariables = (svg: string): string =>
  [
    ...Object.entries(variables).map(([name, colour]) => [colour, name] as const),
    ...lineColours.map((colour, index) => [colour, `line-${index + 1}`] as const)
  ].reduce((text, [colour, name]) => text.replaceAll(colour, `var(--${name})`), svg)

/** A shade that a few hours make in a plot of months is a hair: it is given this share of the plot's width at least. */
const leastShade = 0.008

const shaded = ({ from, to, word }: NonNullable<Plot["shade"]>, span: number) => ({
  markArea: {
    silent: true,
    itemStyle: { color: variables.shade, opacity: 0.45 },
    label: { color: variables.text, fontFamily: font, position: "insideTop" as const },
    data: [[{ name: word, xAxis: from }, { xAxis: Math.max(to, from + span * leastShade) }] as [object, object]]
  }
})

const seriesOf = (line: Line, index: number, { least = Number.NEGATIVE_INFINITY, shade }: Plot, span: number) => ({
  type: "line" as const,
  name: line.name,
  data: line.points.map(([x, y]) => [x, Math.max(least, y)]),
  showSymbol: false,
  animation: false,
  z: line.pale ? 1 : 2,
  // A legend shows what is drawn: so pale is a colour, and not the other one seen through.
  color: line.pale ? variables.pale : (lineColours[index % lineColours.length] ?? variables.text),
  lineStyle: { width: line.pale ? 1 : 1.6 },
  ...(shade === undefined || index > 0 ? {} : shaded(shade, span))
})

const axesOf = ({ least, most, x, y }: Plot, size: Size, [from, to]: readonly [number, number]) => {
  const words = { fontFamily: font, color: variables.text }
  const lines = { axisLine: { onZero: false, lineStyle: { color: variables.text } }, nameTextStyle: words }
  const splitLine = { lineStyle: { color: variables.rule } }
  return {
    xAxis: {
      type: "value" as const,
      name: x,
      nameLocation: "middle" as const,
      nameGap: 28,
      splitNumber: size === "wide" ? 6 : 4,
      min: Math.floor(from),
      max: Math.ceil(to),
      axisLabel: words,
      splitLine,
      ...lines
    },
    yAxis: {
      type: least === undefined ? ("value" as const) : ("log" as const),
      name: y,
      nameLocation: "middle" as const,
      nameGap: 44,
      ...(least === undefined ? {} : { min: least }),
      ...(most === undefined ? {} : { max: most }),
      axisLabel: { ...words, formatter: (value: number) => (value === least ? "0" : value.toLocaleString("en-US")) },
      splitLine,
      ...lines
    }
  }
}

const drawn = (id: string, what: Plot, size: Size): string => {
  const { lines } = what
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x))
  const from = xs.reduce((least, x) => Math.min(least, x), Number.POSITIVE_INFINITY)
  const to = xs.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY)
  const chart = init(null, null, { renderer: "svg", ssr: true, ...sizes[size] })
  chart.setOption({
    textStyle: { fontFamily: font },
    grid: { left: 64, right: 16, top: 44, bottom: 48 },
    legend: {
      data: lines.map(({ name }) => name),
      top: 8,
      itemGap: size === "wide" ? 32 : 10,
      icon: "roundRect",
      itemHeight: 4,
      itemWidth: size === "wide" ? 25 : 14,
      textStyle: { fontFamily: font, color: variables.text }
    },
    ...axesOf(what, size, [from, to]),
    series: lines.map((line, index) => seriesOf(line, index, what, to - from))
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  // What makes plots answer to a pointer is of no use here, and the renderer counts plots over the life of the process.
  return inTheirVariables(
    svg
      .replace(/<style >[\s\S]*?<\/style>/, "")
      .replace(/ class="[^"]*"| ecmeta_\w+="[^"]*"/g, "")
      .replace(/\bzr\d+-/g, `${id}-${size}-`)
  ).replace("<svg", `<svg class="${size}"`)
}

/**
 * Draws it, once for each width of a page; `id` goes into the names that its parts refer to each other by, so it must
 * be the page's only plot of this id.
 */
export const plot = (id: string, what: Plot): string => drawn(id, what, "wide") + drawn(id, what, "narrow")
