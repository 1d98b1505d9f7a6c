import CoreMetrics
import Synchronization

/// A swift-metrics backend that keeps what is told to it, for who asks in Prometheus' text format.
/// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
///
/// A meter and a recorder that does not aggregate are gauges, other recorders and timers histograms; timers
/// count in seconds.
final class PrometheusRegistry: MetricsFactory {
  private let families = Mutex<[String: PrometheusFamily]>([:])
  /// What each name means, for people.
  private let help: [String: String]

  /// Series of one name, so that a caller's labels cannot fill the memory.
  private static let mostSeries = 1_000

  init(help: [String: String]) { self.help = help }

  /// All of it, names in order.
  var text: String {
    let families = self.families.withLock { $0 }
    return families.sorted { $0.key < $1.key }
      .map { $1.text(name: $0, help: self.help[$0]) }.joined()
  }

  func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    self.series(label, dimensions, .counter)
  }

  func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    self.series(label, dimensions, .counter)
  }

  func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    self.series(label, dimensions, .gauge)
  }

  func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    self.series(label, dimensions, aggregate ? .histogram : .gauge)
  }

  func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    self.series(label, dimensions, .histogram)
  }

  // Series stay: a counter that vanished and came again would look like a restart.
  func destroyCounter(_ handler: any CounterHandler) {}
  func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
  func destroyMeter(_ handler: any MeterHandler) {}
  func destroyRecorder(_ handler: any RecorderHandler) {}
  func destroyTimer(_ handler: any TimerHandler) {}

  /// The series of a name and labels, made when it is first asked for. One that another kind has the name of,
  /// and one too many, is kept by nobody.
  private func series(
    _ label: String, _ dimensions: [(String, String)], _ kind: PrometheusFamily.Kind
  ) -> PrometheusSeries {
    self.families.withLock { families in
      let name = PrometheusText.name(label)
      var family = families[name] ?? PrometheusFamily(kind: kind)
      guard family.kind == kind else { return PrometheusSeries(kind) }
      let labels = PrometheusText.labels(dimensions)
      if let series = family.series[labels] { return series }
      let series = PrometheusSeries(kind)
      guard family.series.count < Self.mostSeries else { return series }
      family.series[labels] = series
      families[name] = family
      return series
    }
  }
}
