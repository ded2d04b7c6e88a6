//! Draws what `tinysns bench growth --json` has told, as an SVG picture:
//!
//! ```sh
//! tinysns bench --start 3 growth --posts 1000000 --json | cargo run --example plot_growth > growth.svg
//! ```

use std::{error::Error, io};

use plotters::{
    coord::Shift,
    prelude::{
        BLACK, ChartBuilder, Color, DrawingArea, IntoDrawingArea as _, LineSeries, PathElement,
        RGBColor, SVGBackend, SeriesLabelPosition, WHITE,
    },
};
use serde_json::Value;

const WIDTH: u32 = 760;
const HEIGHT_OF_ONE: u32 = 230;
const COLOURS: [RGBColor; 2] = [RGBColor(31, 90, 160), RGBColor(200, 100, 20)];
const MIB: f64 = 1_048_576.0;
/// How much higher than the highest line a panel is, so that the names of the lines are above them.
const ROOM: f64 = 1.7;

/// What a picture shows over the number of posts.
struct Panel {
    title: &'static str,
    lines: [Line; 2],
}

struct Line {
    name: &'static str,
    field: &'static str,
    /// By which the told value is divided.
    unit: f64,
}

const PANELS: [Panel; 3] = [
    Panel {
        title: "thousands a second",
        lines: [
            Line { name: "posts", field: "publish_rate", unit: 1e3 },
            Line { name: "pages of a timeline", field: "timeline_rate", unit: 1e3 },
        ],
    },
    Panel {
        title: "99th percentile, milliseconds",
        lines: [
            Line { name: "posts", field: "publish_p99_us", unit: 1e3 },
            Line { name: "pages of a timeline", field: "timeline_p99_us", unit: 1e3 },
        ],
    },
    Panel {
        title: "a master takes, MiB",
        lines: [
            Line { name: "disk", field: "disk_bytes", unit: MIB },
            Line { name: "memory", field: "memory_bytes", unit: MIB },
        ],
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let report: Value = serde_json::from_reader(io::stdin())?;
    let steps = report["growth"].as_array().filter(|steps| !steps.is_empty());
    let steps = steps.ok_or("there is nothing to draw: the report is not of growth")?;
    let mut picture = String::new();
    let height = HEIGHT_OF_ONE * u32::try_from(PANELS.len())?;
    let area = SVGBackend::with_string(&mut picture, (WIDTH, height)).into_drawing_area();
    area.fill(&WHITE)?;
    for (part, panel) in area.split_evenly((PANELS.len(), 1)).iter().zip(&PANELS) {
        draw(part, panel, steps)?;
    }
    area.present()?;
    drop(area);
    println!("{picture}");
    Ok(())
}

fn draw(
    part: &DrawingArea<SVGBackend<'_>, Shift>,
    panel: &Panel,
    steps: &[Value],
) -> Result<(), Box<dyn Error>> {
    let number = |step: &Value, field: &str| step[field].as_f64().unwrap_or(0.0);
    let points = |line: &Line| -> Vec<(f64, f64)> {
        let point =
            |step: &Value| (number(step, "posts") / 1e3, number(step, line.field) / line.unit);
        steps.iter().map(point).collect()
    };
    let all: Vec<_> = panel.lines.iter().flat_map(points).collect();
    let most = |of: fn(&(f64, f64)) -> f64| all.iter().map(of).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(part)
        .caption(panel.title, ("sans-serif", 15))
        .margin(8)
        .margin_right(28)
        .x_label_area_size(32)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..most(|point| point.0), 0.0..most(|point| point.1) * ROOM)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(BLACK.mix(0.12))
        .x_desc("thousands of posts")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .label_style(("sans-serif", 12))
        .draw()?;
    for (line, colour) in panel.lines.iter().zip(COLOURS) {
        chart
            .draw_series(LineSeries::new(points(line), colour.stroke_width(2)))?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .label_font(("sans-serif", 12))
        .draw()?;
    Ok(())
}
