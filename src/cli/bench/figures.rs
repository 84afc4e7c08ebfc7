//! The figures of a run, as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::process::{self, Whose};

/// Processor time of an agent around the measured part.
pub(super) struct Gauge {
    whose: Option<Whose>,
    cpu_before: Option<f64>,
}

impl Gauge {
    pub(super) fn start(whose: Option<Whose>) -> Self {
        let cpu_before = whose.as_ref().and_then(process::cpu_ms);
        Self { whose, cpu_before }
    }

    /// Milliseconds of processor time since the start, per exchange.
    pub(super) fn cpu_ms_per(&self, exchanges: usize) -> Value {
        let now = self.whose.as_ref().and_then(process::cpu_ms);
        match (self.cpu_before, now) {
            (Some(before), Some(now)) if exchanges > 0 => rounded((now - before) / exchanges as f64),
            _ => Value::Null,
        }
    }

    pub(super) fn rss_mb(&self) -> Value {
        match &self.whose {
            Some(Whose::Process(pid)) => process::rss_mb(pid).map_or(Value::Null, rounded),
            _ => Value::Null,
        }
    }
}

/// What was measured of the exchanges themselves.
pub(super) struct Measured {
    pub(super) wall: Duration,
    pub(super) connect: Duration,
    /// One per exchange that came to its end.
    pub(super) latencies: Vec<Duration>,
    pub(super) errors: usize,
}

impl Measured {
    pub(super) fn into_json(mut self, plan: Value, issuer: &Gauge, holder: &Gauge, driver: &Gauge) -> Value {
        self.latencies.sort_unstable();
        let done = self.latencies.len();
        let per_second = done as f64 / self.wall.as_secs_f64().max(1e-9);
        let figures = json!({
            "wall_s": rounded(self.wall.as_secs_f64()),
            "exchanges_per_s": rounded(per_second),
            "p50_ms": self.percentile(50),
            "p95_ms": self.percentile(95),
            "p99_ms": self.percentile(99),
            "errors": self.errors,
            "connect_ms": rounded(self.connect.as_secs_f64() * 1000.0),
            "issuer_rss_mb": issuer.rss_mb(),
            "holder_rss_mb": holder.rss_mb(),
            "issuer_cpu_ms_per_exchange": issuer.cpu_ms_per(done),
            "holder_cpu_ms_per_exchange": holder.cpu_ms_per(done),
            "driver_cpu_ms_per_exchange": driver.cpu_ms_per(done),
        });
        match (plan, figures) {
            (Value::Object(mut plan), Value::Object(figures)) => {
                plan.extend(figures);
                Value::Object(plan)
            }
            (_, figures) => figures,
        }
    }

    fn percentile(&self, percent: usize) -> Value {
        millis(&self.latencies, percent)
    }
}

/// The percentile of sorted times, in milliseconds.
pub(super) fn millis(sorted: &[Duration], percent: usize) -> Value {
    percentile(sorted, percent).map_or(Value::Null, |time| rounded(time.as_secs_f64() * 1000.0))
}

/// The percentile by nearest rank of sorted times.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

pub(super) fn rounded(number: f64) -> Value {
    json!((number * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(latencies: Vec<Duration>) -> Value {
        let (wall, connect) = (Duration::from_secs(2), Duration::from_millis(5));
        let nobody = Gauge::start(None);
        let measured = Measured { wall, connect, latencies, errors: 1 };
        measured.into_json(json!({"n": 101}), &nobody, &nobody, &nobody)
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let shown = measured((1..=100).rev().map(Duration::from_millis).collect());
        assert_eq!(shown["n"], 101);
        assert_eq!(
            (&shown["p50_ms"], &shown["p95_ms"], &shown["p99_ms"]),
            (&json!(50.0), &json!(95.0), &json!(99.0))
        );
        assert_eq!(shown["exchanges_per_s"], 50.0);
        assert_eq!(shown["issuer_rss_mb"], Value::Null);
        assert_eq!(measured(Vec::new())["p50_ms"], Value::Null);
    }
}
