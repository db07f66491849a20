//! Draws a deployment's panels over one time line, as SVG. Its colours are names: the page's style
//! says how each looks in light, in the dark and on paper.

use std::error::Error;

use jiff::{SignedDuration, Timestamp};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::super::track::Track;
use super::super::view::View;
use super::axis::{Tick, TimeAxis, figure, round_up};
use super::lanes::{Bar, Lane, lanes};
use crate::deployment::metrics::{Minute, Minutes, SideMinute};
use crate::strategy::Weight;

/// What a line or bar means. Each is drawn in a colour of its own, which stands for the meaning
/// and not for how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The blue side.
    Blue,
    /// The green side.
    Green,
    /// As it should be.
    Good,
    /// Deserves a look.
    Warn,
    /// Wrong.
    Bad,
    /// Unknown, and the lines of the grid.
    Faint,
    /// Text.
    Text,
}

impl Ink {
    /// All of them, with the names that the page's style gives them.
    pub(super) const ALL: [(Ink, &'static str); 7] = [
        (Ink::Blue, "blue"),
        (Ink::Green, "green"),
        (Ink::Good, "fine"),
        (Ink::Warn, "warn"),
        (Ink::Bad, "bad"),
        (Ink::Faint, "faint"),
        (Ink::Text, "text"),
    ];

    fn color(self) -> RGBColor {
        match self {
            Ink::Blue => RGBColor(1, 0, 1),
            Ink::Green => RGBColor(2, 0, 2),
            Ink::Good => RGBColor(3, 0, 3),
            Ink::Warn => RGBColor(4, 0, 4),
            Ink::Bad => RGBColor(5, 0, 5),
            Ink::Faint => RGBColor(6, 0, 6),
            Ink::Text => RGBColor(7, 0, 7),
        }
    }

    /// As the drawing has it: `#010001`.
    pub(super) fn code(self) -> String {
        let RGBColor(red, green, blue) = self.color();
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}

/// How wide a drawing is, in its own units; the page scales it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// For screens and paper.
    Wide,
    /// For a phone.
    Narrow,
}

impl Width {
    fn units(self) -> u32 {
        match self {
            Width::Wide => 960,
            Width::Narrow => 400,
        }
    }

    fn ticks(self) -> i64 {
        match self {
            Width::Wide => 12,
            Width::Narrow => 5,
        }
    }
}

const LEFT: u32 = 52;
const RIGHT: u32 = 14;
const CAPTION: i32 = 20;
const PANEL: u32 = 132;
const LANE: u32 = 34;
const CLOCK: u32 = 26;
const TEXT: (&str, u32) = ("sans-serif", 13);

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A line of a panel: what it means, and its points in seconds and figures.
struct Line {
    ink: Ink,
    width: u32,
    points: Vec<(f64, f64)>,
    /// Whether it stays where it is until the next point.
    dashed: bool,
    /// Whether each point is shown, so that one alone is seen too.
    dotted: bool,
}

/// A panel: lines over the time line.
struct Panel {
    caption: &'static str,
    top: f64,
    lines: Vec<Line>,
    /// The area under it is filled.
    filled: Option<Line>,
}

/// The drawing of a deployment, as an SVG element; `minutes` is what both sides served.
pub(super) fn chart(track: &Track, view: &View, minutes: &Minutes, width: Width) -> String {
    let (from, until) = track.from.zip(track.until).unwrap_or_default();
    let axis = TimeAxis::new(from, until);
    let mut panels = Vec::new();
    if !view.is_bare() {
        panels.push(weights(track, axis));
    }
    panels.push(healthy(track, axis));
    panels.extend(served(minutes, axis));
    let lanes = lanes(track, view);
    let height = PANEL * panels.len() as u32 + LANE * lanes.len() as u32 + CLOCK;
    let mut svg = String::new();
    {
        let backend = SVGBackend::with_string(&mut svg, (width.units(), height));
        let area = backend.into_drawing_area();
        draw(&area, &panels, &lanes, axis, &marks(view), width)
            .expect("there is always room in a text");
        area.present().expect("there is always room in a text");
    }
    scalable(&svg)
}

/// Without a size of its own, so that the page says how large it is.
fn scalable(svg: &str) -> String {
    let opening = svg.find("<svg").unwrap_or_default();
    let viewed = svg[opening..].find("viewBox").unwrap_or_default() + opening;
    format!("<svg aria-hidden=\"true\" {}", svg[viewed..].trim_end())
}

/// The moments that concern everything.
fn marks(view: &View) -> Vec<(Timestamp, Ink)> {
    let promoted = view.promoted_at.map(|at| (at, Ink::Green));
    let tripped = view.tripped_at.map(|at| (at, Ink::Bad));
    promoted.into_iter().chain(tripped).collect()
}

fn draw(
    area: &Area<'_>,
    panels: &[Panel],
    lanes: &[Lane],
    axis: TimeAxis,
    marks: &[(Timestamp, Ink)],
    width: Width,
) -> Drawn {
    let ticks = axis.ticks(width.ticks());
    let mut rest = area.clone();
    for panel in panels {
        let (here, below) = rest.split_vertically(PANEL);
        draw_panel(&here, panel, axis, marks, &ticks)?;
        rest = below;
    }
    for lane in lanes {
        let (here, below) = rest.split_vertically(LANE);
        draw_lane(&here, lane, axis, marks)?;
        rest = below;
    }
    draw_clock(&rest, axis, &ticks)
}

/// Where a moment is across the drawing.
fn across(area: &Area<'_>, axis: TimeAxis, at: f64) -> i32 {
    let (width, _) = area.dim_in_pixel();
    let room = f64::from(width - LEFT - RIGHT);
    (f64::from(LEFT) + room * at / axis.length()).round() as i32
}

fn label(ink: Ink) -> TextStyle<'static> {
    TEXT.into_font().color(&ink.color())
}

fn draw_panel(
    area: &Area<'_>,
    panel: &Panel,
    axis: TimeAxis,
    marks: &[(Timestamp, Ink)],
    ticks: &[Tick],
) -> Drawn {
    area.draw(&Text::new(
        panel.caption,
        (LEFT as i32, 4),
        label(Ink::Text),
    ))?;
    let mut chart = ChartBuilder::on(area)
        .margin_top(CAPTION)
        .margin_bottom(8)
        .margin_right(RIGHT)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..axis.length(), 0.0..panel.top)?;
    let faint = Ink::Faint.color();
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .bold_line_style(faint.mix(0.5))
        .light_line_style(TRANSPARENT)
        .axis_style(faint)
        .y_labels(4)
        .y_label_style(label(Ink::Text))
        .y_label_formatter(&|value| figure(*value))
        .draw()?;
    let upright = |at| [(at, 0.0), (at, panel.top)];
    for tick in ticks {
        chart.draw_series(LineSeries::new(upright(tick.at), faint.mix(0.5)))?;
    }
    for (at, ink) in marks {
        let line = upright(axis.at(*at));
        chart.draw_series(LineSeries::new(line, ink.color().mix(0.7)))?;
    }
    if let Some(filled) = &panel.filled {
        let mut points = filled.points.clone();
        let ends = points.first().copied().zip(points.last().copied());
        if let Some(((first, _), (last, _))) = ends {
            points.extend([(last, 0.0), (first, 0.0)]);
            let fill = filled.ink.color().mix(0.18);
            chart.draw_series([Polygon::new(points, fill)])?;
        }
    }
    for line in &panel.lines {
        let style = line.ink.color().stroke_width(line.width);
        let points = line.points.iter().copied();
        if line.dotted {
            let dot = |point: &(f64, f64)| Circle::new(*point, 2, line.ink.color().filled());
            chart.draw_series(line.points.iter().map(dot))?;
        }
        match line.dashed {
            true => chart.draw_series(DashedLineSeries::new(points, 5, 4, style))?,
            false => chart.draw_series(LineSeries::new(points, style))?,
        };
    }
    Ok(())
}

fn draw_lane(area: &Area<'_>, lane: &Lane, axis: TimeAxis, marks: &[(Timestamp, Ink)]) -> Drawn {
    let (width, _) = area.dim_in_pixel();
    let room = (width - LEFT - RIGHT) / 7;
    let name = shortened(&lane.name, room as usize);
    area.draw(&Text::new(name, (LEFT as i32, 0), label(Ink::Text)))?;
    for Bar { from, until, ink } in &lane.bars {
        let from = across(area, axis, axis.at(*from));
        let until = across(area, axis, axis.at(*until)).max(from + 2);
        let style = ink.color().filled();
        area.draw(&Rectangle::new([(from, 17), (until, 27)], style))?;
    }
    for (at, ink) in marks {
        let x = across(area, axis, axis.at(*at));
        area.draw(&PathElement::new([(x, 14), (x, 30)], ink.color().mix(0.7)))?;
    }
    Ok(())
}

fn draw_clock(area: &Area<'_>, axis: TimeAxis, ticks: &[Tick]) -> Drawn {
    use plotters::style::text_anchor::{HPos, Pos, VPos};
    let style = label(Ink::Text).pos(Pos::new(HPos::Center, VPos::Top));
    for tick in ticks {
        let x = across(area, axis, tick.at);
        area.draw(&PathElement::new([(x, 0), (x, 5)], Ink::Faint.color()))?;
        area.draw(&Text::new(tick.clock.clone(), (x, 8), style.clone()))?;
    }
    Ok(())
}

/// At most so many characters.
fn shortened(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text
            .chars()
            .take(most.saturating_sub(1))
            .chain(['…'])
            .collect(),
        false => text.to_owned(),
    }
}

/// A line that stays where it is until the next point, and to the end.
fn steps(points: impl Iterator<Item = (f64, f64)>, end: f64) -> Vec<(f64, f64)> {
    let mut corners: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        if let Some((_, before)) = corners.last().copied() {
            corners.push((x, before));
        }
        corners.push((x, y));
    }
    if let Some((_, last)) = corners.last().copied() {
        corners.push((end, last));
    }
    corners
}

fn percent(weight: Weight) -> f64 {
    f64::from(weight.per_mille()) / 10.0
}

fn weights(track: &Track, axis: TimeAxis) -> Panel {
    let set = track
        .set
        .iter()
        .map(|(at, weight)| (axis.at(*at), percent(*weight)));
    let line = |ink, width, points, dashed| Line {
        ink,
        width,
        points,
        dashed,
        dotted: false,
    };
    let set = steps(set, axis.length());
    let mut lines = vec![line(Ink::Green, 2, set.clone(), false)];
    for seen in track.seen.values() {
        let known = seen
            .iter()
            .filter_map(|(at, weight)| Some((axis.at(*at), percent((*weight)?))));
        lines.push(line(Ink::Text, 1, steps(known, axis.length()), true));
    }
    Panel {
        caption: "green's share in %: set, and seen (dashed)",
        top: 100.0,
        lines,
        filled: Some(line(Ink::Green, 0, set, false)),
    }
}

fn healthy(track: &Track, axis: TimeAxis) -> Panel {
    let line = |ink, width, of: fn(&super::super::track::Healthy) -> Option<u32>| {
        let points = track
            .healthy
            .iter()
            .filter_map(|it| Some((axis.at(it.at), f64::from(of(it)?))));
        Line {
            ink,
            width,
            points: steps(points, axis.length()),
            dashed: false,
            dotted: false,
        }
    };
    let lines = vec![
        line(Ink::Blue, 2, |it| it.blue),
        line(Ink::Green, 2, |it| it.green),
    ];
    Panel {
        caption: "healthy targets",
        top: room_above(&lines, 1.0),
        lines,
        filled: None,
    }
}

/// A round figure with some air above the highest point.
fn room_above(lines: &[Line], least: f64) -> f64 {
    let all = lines.iter().flat_map(|line| &line.points);
    let most = all.map(|(_, value)| *value).fold(0.0, f64::max);
    round_up((most * 1.05).max(least))
}

/// What of a minute a panel shows, and over what it is at least drawn.
struct Shown {
    caption: &'static str,
    of: fn(&SideMinute) -> Option<f64>,
    least: f64,
}

const SERVED: [Shown; 4] = [
    Shown {
        caption: "requests a minute",
        of: |side| side.requests,
        least: 10.0,
    },
    Shown {
        caption: "failed requests in %",
        of: SideMinute::failed_share,
        least: 1.0,
    },
    Shown {
        caption: "response time in ms: half of all answers were faster",
        of: |side| side.p50,
        least: 1.0,
    },
    Shown {
        caption: "response time in ms: 95 of 100 answers were faster",
        of: |side| side.p95,
        least: 1.0,
    },
];

fn served(minutes: &Minutes, axis: TimeAxis) -> Vec<Panel> {
    SERVED
        .iter()
        .filter_map(|shown| one_served(shown, minutes, axis))
        .collect()
}

fn one_served(shown: &Shown, minutes: &Minutes, axis: TimeAxis) -> Option<Panel> {
    let side = |ink, width, of: fn(&Minute) -> &SideMinute| Line {
        ink,
        width,
        points: minutes
            .iter()
            .filter_map(|(at, minute)| {
                let middle = middle_of(*at);
                let value = (shown.of)(of(minute)).filter(|_| axis.has(middle))?;
                Some((axis.at(middle), value))
            })
            .collect(),
        dashed: false,
        dotted: true,
    };
    let lines = vec![
        side(Ink::Blue, 2, |minute| &minute.blue),
        side(Ink::Green, 2, |minute| &minute.green),
    ];
    let empty = lines.iter().all(|line| line.points.is_empty());
    (!empty).then(|| Panel {
        caption: shown.caption,
        top: room_above(&lines, shown.least),
        lines,
        filled: None,
    })
}

/// Where a minute's figure stands.
fn middle_of(minute: Timestamp) -> Timestamp {
    let half = SignedDuration::from_secs(30);
    minute.saturating_add(half).unwrap_or(minute)
}

#[cfg(test)]
mod tests {
    use super::super::super::stories;
    use super::*;

    fn drawn(records: &[crate::deployment::event::Record], minutes: &Minutes) -> String {
        let (track, view) = Track::of(records);
        chart(&track, &view, minutes, Width::Wide)
    }

    #[test]
    fn every_story_can_be_drawn_in_both_widths() {
        for (name, records) in stories::all() {
            let (track, view) = Track::of(&records);
            for width in [Width::Wide, Width::Narrow] {
                let svg = chart(&track, &view, &Minutes::new(), width);
                let mut reader = quick_xml::Reader::from_str(&svg);
                while reader.read_event().expect("it is XML") != quick_xml::events::Event::Eof {}
                assert!(svg.ends_with("</svg>"), "{name}");
            }
        }
    }

    #[test]
    fn figures_that_nobody_has_give_no_panel() {
        let at = stories::at(120);
        let side = SideMinute {
            requests: Some(100.0),
            failed: Some(5.0),
            p50: None,
            p95: None,
        };
        let minute = Minute {
            blue: side,
            green: SideMinute::default(),
        };
        let without = drawn(&stories::good(), &Minutes::new());
        let with = drawn(&stories::good(), &Minutes::from([(at, minute)]));
        assert!(!without.contains("requests a minute"));
        assert!(with.contains("requests a minute"));
        assert!(with.contains("failed requests"));
        assert!(!with.contains("response time"));
    }

    #[test]
    fn only_named_colours_are_drawn() {
        let svg = drawn(&stories::alarmed(), &Minutes::new());
        let names: Vec<_> = Ink::ALL.iter().map(|(ink, _)| ink.code()).collect();
        for (at, _) in svg.match_indices('#') {
            let code = &svg[at..at + 7];
            assert!(names.iter().any(|it| it == code), "{code} in {svg}");
        }
    }

    #[test]
    fn a_line_of_steps_has_corners() {
        let points = [(0.0, 0.0), (10.0, 5.0)].into_iter();
        assert_eq!(
            steps(points, 20.0),
            [(0.0, 0.0), (10.0, 0.0), (10.0, 5.0), (20.0, 5.0)]
        );
    }

    #[test]
    fn a_name_of_aws_can_not_break_the_drawing() {
        let mut records = stories::alarmed();
        for record in &mut records {
            if let crate::deployment::event::Event::Looked(look) = &mut record.event {
                let name = crate::deployment::ids::AlarmName::new("<script>&");
                look.alarms.insert(name, None);
            }
        }
        let svg = drawn(&records, &Minutes::new());
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("&lt;script&gt;&amp;"), "{svg}");
    }
}
