/**
 * A plot as SVG text: lines over time, drawn by Apache ECharts' server-side renderer, which needs neither a browser
 * nor a DOM. The colours (Okabe and Ito's) can be told apart by people who see few of them. The same values give the
 * same bytes.
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
  readonly shade?: { readonly from: number; readonly to: number; readonly word: string }
}

/** In pixels; the page scales it. */
const size = { width: 960, height: 320 } as const
const colours = ["#0072b2", "#d55e00", "#009e73"]
/** The same, beneath others. */
const paleColours = ["#8cbfdc", "#eeb68c", "#8ccfba"]
const font = "system-ui, sans-serif"

const seriesOf = (line: Line, index: number, shade: Plot["shade"]) => ({
  type: "line" as const,
  name: line.name,
  data: line.points.map(([x, y]) => [x, y]),
  showSymbol: false,
  animation: false,
  z: line.pale ? 1 : 2,
  // A legend shows what is drawn: so pale is a colour, and not the other one seen through.
  color: (line.pale ? paleColours : colours)[index % colours.length] ?? "#444",
  lineStyle: { width: line.pale ? 1 : 1.6 },
  ...(shade === undefined || index > 0
    ? {}
    : {
        markArea: {
          silent: true,
          itemStyle: { color: "rgba(120, 120, 120, 0.15)" },
          label: { color: "#444", fontFamily: font, position: "insideTop" as const },
          data: [[{ name: shade.word, xAxis: shade.from }, { xAxis: shade.to }] as [object, object]]
        }
      })
})

/**
 * Draws it; `id` goes into the names that its parts refer to each other by, so it must be the page's only plot of this
 * id.
 */
export const plot = (id: string, { lines, most, shade, x, y }: Plot): string => {
  const xs = lines.flatMap(({ points }) => points.map(([x]) => x))
  const axis = { nameTextStyle: { fontFamily: font, color: "#444" }, axisLabel: { fontFamily: font, color: "#444" } }
  const chart = init(null, null, { renderer: "svg", ssr: true, ...size })
  chart.setOption({
    textStyle: { fontFamily: font },
    grid: { left: 64, right: 24, top: 44, bottom: 48 },
    legend: {
      data: lines.map(({ name }) => name),
      top: 8,
      itemGap: 32,
      icon: "roundRect",
      itemHeight: 4,
      textStyle: { fontFamily: font }
    },
    xAxis: {
      type: "value",
      name: x,
      nameLocation: "middle",
      nameGap: 28,
      min: Math.floor(xs.reduce((least, x) => Math.min(least, x), Number.POSITIVE_INFINITY)),
      axisLine: { onZero: false },
      max: Math.ceil(xs.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY)),
      ...axis
    },
    yAxis: {
      type: "value",
      axisLine: { onZero: false },
      name: y,
      nameLocation: "middle",
      nameGap: 44,
      ...(most === undefined ? {} : { max: most }),
      ...axis
    },
    series: lines.map((line, index) => seriesOf(line, index, shade))
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  // What makes plots answer to a pointer is of no use here, and the renderer counts plots over the life of the process.
  return svg
    .replace(/<style >[\s\S]*?<\/style>/, "")
    .replace(/ class="[^"]*"| ecmeta_\w+="[^"]*"/g, "")
    .replace(/\bzr\d+-/g, `${id}-`)
}
