import Diffusion
import Synchronization

/// How fast work of each kind has gone lately, by which jobs tell what they still need.
final class Paces: Sendable {
  /// Work of one cost.
  struct Kind: Hashable {
    enum Part: Hashable {
      case encode, condition, decode
      case step(StepKind)
      /// Of a second of sound.
      case sound(channels: Int, quality: String)
    }

    var model = ""
    var width = 0
    var height = 0
    var isGuided = false
    var part: Part

    var isStep: Bool {
      if case .step = self.part { true } else { false }
    }
  }

  /// The last measurements of a kind that count.
  private static let kept = 15
  /// Kinds that are remembered; beyond them all are forgotten.
  private static let mostKinds = 1_024

  private let metrics: StudioMetrics
  private let samples = Mutex<[Kind: [Double]]>([:])
  private let lastJobs = Mutex<[String: (width: Int, realTimeFactor: Double)]>([:])

  init(metrics: StudioMetrics = StudioMetrics()) { self.metrics = metrics }

  func add(_ seconds: Double, to kind: Kind) {
    if kind.isStep { self.metrics.step(kind.model, seconds: seconds) }
    self.samples.withLock { samples in
      if samples[kind] == nil, samples.count >= Self.mostKinds { samples = [:] }
      var own = samples[kind] ?? []
      if own.count >= Self.kept { own.removeFirst() }
      own.append(seconds)
      samples[kind] = own
    }
  }

  /// Median seconds; nil where there were none.
  func seconds(_ kind: Kind) -> Double? {
    self.samples.withLock { samples in
      guard let own = samples[kind]?.sorted(), !own.isEmpty else { return nil }
      return own[own.count / 2]
    }
  }

  /// Notes how a job of a model went as a whole: seconds of sound made in a second of computing.
  func finish(_ model: String, width: Int, realTimeFactor: Double) {
    self.lastJobs.withLock { $0[model] = (width, realTimeFactor) }
    self.metrics.pace(model, realTimeFactor: realTimeFactor)
  }

  /// Of each model that has worked: at the width of its last job, or any where none was done yet.
  func models() -> [ModelPace] {
    let steps = self.samples.withLock { samples in
      samples.compactMap { kind, samples in
        kind.isStep ? (kind: kind, seconds: samples.sorted()[samples.count / 2]) : nil
      }
    }
    let last = self.lastJobs.withLock { $0 }
    return Set(steps.map(\.kind.model)).sorted().compactMap { model in
      let own = steps.filter { $0.kind.model == model }.sorted { $0.kind.width < $1.kind.width }
      guard let step = own.first(where: { $0.kind.width == last[model]?.width }) ?? own.first
      else { return nil }
      return ModelPace(
        model: model, stepSeconds: step.seconds, width: step.kind.width,
        realTimeFactor: last[model]?.realTimeFactor ?? 0)
    }
  }
}
