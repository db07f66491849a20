//! What the judge knows: part of a deployment's state, a fold over its minutes.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::guard::{self, Metric};
use super::{
    Balancer, Judgement, MetricGuards, Served, Subject, ValueRead, Verdict, Watch, Worse, later,
    minute_from, minute_of,
};
use crate::judge::sequential::{
    Answer, Judge, Lead, Method, MetricSettings, Pair, Relative, Settings,
};
use crate::strategy::Weight;

/// How many minutes are kept to explain a verdict.
const KEPT: usize = 60;
/// So many minutes in a row without figures are too many.
const SKIPPED_IN_A_ROW: u32 = 3;
/// For so long after a minute was judged its figures are read again: only to say that they changed.
const READ_AGAIN_FOR: SignedDuration = SignedDuration::from_mins(10);
/// Green should have had so many requests, and has had none: by chance that happens once in 10^13.
const STARVED_AT: f64 = 30.0;

/// The minutes of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Its place in the ladder.
    pub step: usize,
    /// Green's share.
    pub weight: Weight,
    /// Its first whole minute.
    pub from: Timestamp,
    /// The minute in which it ended.
    pub until: Option<Timestamp>,
}

/// From when on metrics are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsWanted {
    /// The first minute or period that was not judged.
    pub from: Timestamp,
    /// The first minute to be read: those that were judged lately may have changed.
    pub read_from: Timestamp,
}

/// A minute that was judged.
#[derive(Debug, Clone, PartialEq)]
struct Recent {
    minute: Timestamp,
    /// Green's share in it.
    weight: Weight,
    /// By these figures.
    served: Served,
    /// What CloudWatch has shown of it last.
    shown: Served,
}

/// What was judged so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    guards: MetricGuards,
    metrics: Vec<Metric>,
    settings: Settings,
    judge: Judge,
    watch: Watch,
    windows: Vec<Window>,
    /// The first minute that was not judged.
    next: Option<Timestamp>,
    /// The newest minutes that were.
    recent: VecDeque<Recent>,
    /// How often figures changed after they were judged.
    revised: u32,
    /// The step of the last minute, and how many of its minutes had no figures, and had some.
    step: Option<usize>,
    skipped_in_step: u32,
    judged_in_step: u32,
    /// Whether minutes are read at all, and whether each side's requests in them are.
    reads: bool,
    by_side: bool,
    /// Green's requests in its minutes.
    green_requests: u64,
    skipped_in_a_row: u32,
    judged: u32,
    /// Requests that green should have had since it last had one.
    missed: f64,
}

impl Evidence {
    /// Before the first minute.
    pub fn new(guards: &MetricGuards) -> Evidence {
        let metrics = guard::metrics(guards);
        let settings = guard::settings(guards, &metrics);
        Evidence {
            guards: guards.clone(),
            judge: Judge::new(settings.clone()),
            watch: Watch::new(guards),
            metrics,
            settings,
            windows: Vec::new(),
            next: None,
            recent: VecDeque::new(),
            revised: 0,
            step: None,
            skipped_in_step: 0,
            judged_in_step: 0,
            green_requests: 0,
            reads: guards.judges_requests() || guards.load_balancer.is_some(),
            by_side: guards.judges_requests(),
            skipped_in_a_row: 0,
            judged: 0,
            missed: 0.0,
        }
    }

    /// Reads minutes although nothing is judged in them, where a step asks for requests.
    #[must_use]
    pub fn counting(mut self, counts: bool) -> Evidence {
        self.reads |= counts;
        self.by_side |= counts;
        self
    }

    /// All routes show a step's weight since `at`.
    pub fn begin_step(&mut self, step: usize, weight: Weight, at: Timestamp) {
        let from = minute_from(at);
        self.next.get_or_insert(from);
        self.windows.push(Window {
            step,
            weight,
            from,
            until: None,
        });
    }

    /// Weights move from `at` on.
    pub fn end_step(&mut self, at: Timestamp) {
        if let Some(window) = self.windows.last_mut() {
            window.until.get_or_insert(minute_of(at));
        }
    }

    /// The next minute to be judged, and the step that it belongs to.
    pub fn due(&self) -> Option<(Timestamp, Window)> {
        let next = self.next.filter(|_| self.reads)?;
        self.windows.iter().find_map(|window| {
            let minute = next.max(window.from);
            let in_time = window.until.is_none_or(|until| minute < until);
            in_time.then_some((minute, *window))
        })
    }

    /// From when on figures are wanted; none where none are.
    pub fn wanted(&self) -> Option<MetricsWanted> {
        let values = (0..self.watch.len()).filter_map(|metric| self.value_due(metric));
        let values = values.map(|(at, _)| at);
        let minute = self.due().map(|(minute, _)| minute);
        let from = minute.into_iter().chain(values).min()?;
        let judged = self.read_again().next().map(|it| it.minute);
        Some(MetricsWanted {
            from,
            read_from: judged.map_or(from, |judged| judged.min(from)),
        })
    }

    /// What is known of the config's own metrics.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The next period of one of them to be read, and its step where it is compared.
    pub fn value_due(&self, metric: usize) -> Option<(Timestamp, Option<usize>)> {
        self.watch.due(metric, &self.windows)
    }

    /// Takes a value of one of them.
    pub fn take(&mut self, value: &ValueRead) {
        self.watch.take(value);
    }

    /// What both sides' values of a step say; none where nothing is compared in it.
    pub fn judgement(&self, step: usize) -> Option<Judgement> {
        self.watch.judgement(step, &self.windows)
    }

    /// Whether a step is to be compared again.
    pub fn is_interval_over(&self, step: usize) -> bool {
        self.watch.is_interval_over(step, &self.windows)
    }

    /// Whether this was not said of the step yet.
    pub fn is_news(&self, judgement: &Judgement) -> bool {
        self.watch.is_news(judgement)
    }

    /// Notes what was said of a step.
    pub fn note(&mut self, judgement: &Judgement) {
        self.watch.note(judgement);
    }

    /// Takes what was served in a minute of a step.
    pub fn judge(&mut self, minute: Timestamp, step: usize, served: &Served) {
        let weight = self.weight_of(step);
        self.move_on(minute, step);
        let pairs = self.pairs(&self.without_burst(served), weight);
        self.judge.consume(&pairs);
        self.recent.push_back(Recent {
            minute,
            weight,
            served: *served,
            shown: *served,
        });
        if self.recent.len() > KEPT {
            self.recent.pop_front();
        }
        self.judged += 1;
        self.judged_in_step += 1;
        self.green_requests += served.green.requests;
        self.skipped_in_a_row = 0;
        let all = (served.blue.requests + served.green.requests) as f64;
        match served.green.requests {
            0 => self.missed += all * f64::from(weight.per_mille()) / 1000.0,
            _ => self.missed = 0.0,
        }
    }

    /// The minutes that are read again, with green's share in them and what was last shown.
    pub fn judged_lately(&self) -> impl Iterator<Item = (Timestamp, Weight, &Served)> {
        self.read_again()
            .map(|it| (it.minute, it.weight, &it.shown))
    }

    fn read_again(&self) -> impl Iterator<Item = &Recent> {
        let since = self.next.map(|next| next - READ_AGAIN_FOR);
        let recent = self.recent.iter();
        recent.filter(move |it| since.is_some_and(|since| it.minute >= since))
    }

    /// Takes what a minute that was judged is shown to have been after all: nothing is judged
    /// anew.
    pub fn revise(&mut self, minute: Timestamp, served: &Served) {
        self.revised += 1;
        let judged = self.recent.iter_mut().find(|it| it.minute == minute);
        if let Some(judged) = judged {
            judged.shown = *served;
        }
    }

    /// How often figures changed after they were judged.
    pub fn revised(&self) -> u32 {
        self.revised
    }

    /// Passes over a minute of a step that has no figures.
    pub fn skip(&mut self, minute: Timestamp, step: usize) {
        self.move_on(minute, step);
        self.skipped_in_a_row += 1;
        self.skipped_in_step += 1;
    }

    /// The same, with no more than what is put up with of the load balancer's own 5xx, unless the
    /// minute before had more too: one minute alone never reverts. Less evidence than there is
    /// never makes a revert likelier.
    fn without_burst(&self, served: &Served) -> Served {
        let Some(guard) = &self.guards.load_balancer else {
            return *served;
        };
        let tolerated = |balancer: Balancer| {
            let requests = balancer.count().requests as f64;
            (requests * f64::from(guard.tolerated()) / 1e6) as u64
        };
        let is_over = |it: &Served| it.balancer.own_5xx > tolerated(it.balancer);
        let mut judged = *served;
        if !self.recent.back().is_some_and(|it| is_over(&it.served)) {
            let most = tolerated(served.balancer);
            judged.balancer.own_5xx = served.balancer.own_5xx.min(most);
        }
        judged
    }

    fn pairs(&self, served: &Served, weight: Weight) -> Vec<Pair> {
        let metrics = self.metrics.iter();
        metrics.map(|metric| metric.pair(served, weight)).collect()
    }

    fn move_on(&mut self, minute: Timestamp, step: usize) {
        if self.step != Some(step) {
            self.step = Some(step);
            self.skipped_in_step = 0;
            self.judged_in_step = 0;
            self.green_requests = 0;
        }
        self.judge.at_step(step);
        self.next = Some(later(minute));
    }

    fn weight_of(&self, step: usize) -> Weight {
        let window = self.windows.iter().find(|window| window.step == step);
        window.map_or(Weight::ZERO, |window| window.weight)
    }

    /// Why green is worse, if it is.
    pub fn worse(&self) -> Option<Worse> {
        let lead = self.judge.reverts()?;
        Some(self.explain(&lead))
    }

    /// Whether green is shown not to be worse by more than the margin, in the step `step`, and
    /// that is wanted for moving on.
    pub fn may_move_on_early(&self, step: usize) -> bool {
        self.guards.errors.is_some_and(|it| it.early_promote)
            && self.step == Some(step)
            && self.judge.answer() == Answer::Promote
            && self
                .judgement(step)
                .is_none_or(|it| it.verdict == Verdict::Pass)
            && self.blind_for().is_none()
            && !self.is_starved()
    }

    /// For how many minutes there were no figures, where that is too long to move on. Nothing waits
    /// for the load balancer's own answers alone.
    pub fn blind_for(&self) -> Option<u32> {
        let most = self.skipped_in_step > self.judged_in_step;
        let row = self.skipped_in_a_row >= SKIPPED_IN_A_ROW;
        (self.by_side && (row || most)).then_some(self.skipped_in_step.max(self.skipped_in_a_row))
    }

    /// Whether each side's requests are read, and not the load balancers' own answers alone.
    pub fn is_by_side(&self) -> bool {
        self.by_side
    }

    /// Whether a minute of a step was judged.
    pub fn has_judged(&self, step: usize) -> bool {
        self.step == Some(step) && self.judged_in_step > 0
    }

    /// Whether requests should have come to green, and none did.
    pub fn is_starved(&self) -> bool {
        self.missed >= STARVED_AT
    }

    /// How many requests green should have had.
    pub fn missed(&self) -> u64 {
        self.missed as u64
    }

    /// Green's requests in the minutes of a step that were judged.
    pub fn green_requests(&self, step: usize) -> u64 {
        match self.step == Some(step) {
            true => self.green_requests,
            false => 0,
        }
    }

    /// How many minutes were judged.
    pub fn judged(&self) -> u32 {
        self.judged
    }

    /// The metric to explain a revert by: one that is worse than blue's and would be enough alone
    /// says more than a limit that was exceeded.
    fn most_telling(&self, lead: &Lead) -> usize {
        let logs = self.judge.logs();
        let enough = -self.settings.alpha_revert.ln();
        let alone = self.metrics.iter().enumerate().filter_map(|(at, metric)| {
            let log = logs[at].revert?;
            (metric.is_relative() && log >= enough).then_some((at, log))
        });
        let most = alone.max_by(|one, other| one.1.total_cmp(&other.1));
        most.map_or(lead.metric, |(metric, _)| metric)
    }

    /// The figures of the minutes that say it most clearly: those since which the metric alone
    /// says most.
    fn explain(&self, lead: &Lead) -> Worse {
        let index = self.most_telling(lead);
        let metric = &self.metrics[index];
        let (mut best, mut most) = (1, f64::NEG_INFINITY);
        for minutes in 1..=self.recent.len() {
            let said = self.said_in(minutes, index);
            if said > most {
                (best, most) = (minutes, said);
            }
        }
        let pair = self.sum(best, index);
        let log_e = self.judge.log_revert().unwrap_or(lead.log_e);
        let mut worse = Worse::of(&metric.name, pair, best as u32, log_e);
        worse.limit = metric.limit;
        if metric.is_relative() {
            worse.by_more_than = Some(metric.worse_than.saturating_sub(100));
        }
        if metric.is_of_load_balancer() {
            worse.subject = Subject::LoadBalancer;
        }
        worse
    }

    /// What a metric says in the newest so many minutes, judged alone.
    fn said_in(&self, minutes: usize, metric: usize) -> f64 {
        let asked = self.settings.metrics[metric].clone();
        // Which minutes tell most, the quick method shows as well; a revert waits for this.
        let quick = |relative| Relative {
            method: Method::A,
            ..relative
        };
        let alone = MetricSettings {
            weight: 1.0,
            relative: asked.relative.map(quick),
            ..asked
        };
        let mut judge = Judge::new(Settings {
            metrics: vec![alone],
            ..self.settings.clone()
        });
        let newest = self.recent.iter().skip(self.recent.len() - minutes);
        for it in newest {
            judge.consume(&[self.metrics[metric].pair(&it.served, it.weight)]);
        }
        judge.logs()[0].revert.unwrap_or(f64::NEG_INFINITY)
    }

    fn sum(&self, minutes: usize, metric: usize) -> Pair {
        let newest = self.recent.iter().skip(self.recent.len() - minutes);
        newest.fold(Pair::default(), |mut sum, it| {
            let pair = self.metrics[metric].pair(&it.served, it.weight);
            sum.blue.requests += pair.blue.requests;
            sum.blue.bad += pair.blue.bad;
            sum.green.requests += pair.green.requests;
            sum.green.bad += pair.green.bad;
            sum
        })
    }
}

/// How long after its end a minute is waited for.
pub(in crate::deployment) fn age_of(minute: Timestamp, now: Timestamp) -> Option<Duration> {
    now.duration_since(later(minute)).try_into().ok()
}

#[cfg(test)]
mod tests;
