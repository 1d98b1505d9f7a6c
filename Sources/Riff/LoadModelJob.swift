import Diffusion

/// Reads a model's weights before they are needed.
public struct LoadModelJob: Job {
  /// Its name; empty: the default model.
  public var model: String
  /// Seconds that it is to stay; nil: as the studio keeps models.
  public var keepAliveSeconds: Double?

  /// An unknown name ends the job with `notFound`.
  public init(model: String, keepAliveSeconds: Double? = nil) {
    self.model = model
    self.keepAliveSeconds = keepAliveSeconds
  }

  var method: String { "LoadModel" }
  var title: String { self.model }

  func check(_ faults: inout RequestFaults, in studio: Studio) {
    faults.checkKeepAlive(self.keepAliveSeconds)
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let model = try studio.catalog.model(named: self.model)
    try context.progress(.loading)
    try studio.shelf.withModel(model, keepAlive: self.keepAliveSeconds, context.seat) { diffusion in
      let count = diffusion.weightCount
      for index in 0..<count {
        try context.withTurn { try diffusion.prepare(index, $0) }
        if index % 16 == 0 || index == count - 1 { studio.shelf.makeRoom(for: model) }
      }
    }
    return JobSummary()
  }
}

extension RequestFaults {
  /// Notes a keep-alive time that is negative or not a number.
  mutating func checkKeepAlive(_ seconds: Double?) {
    // Written so that NaN fails.
    guard let seconds, !(seconds >= 0) else { return }
    self.add("keep_alive_seconds", "keep_alive_seconds must be 0 or more, not \(seconds)")
  }
}
