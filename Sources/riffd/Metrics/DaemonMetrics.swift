import CoreMetrics
import Riff

/// What the daemon tells of itself to who asks: what its jobs have counted, and what it is doing now.
struct DaemonMetrics: Sendable {
  let registry: PrometheusRegistry
  let studio: Studio
  /// Clients that are connected.
  let connections: @Sendable () -> Int

  /// What each name means.
  static let help = [
    "riffd_jobs_total": "Jobs that have ended, by kind and end.",
    "riffd_jobs_refused_total": "Jobs that were not let in: too many, or too little memory.",
    "riffd_job_seconds": "Seconds from a job's request to its end.",
    "riffd_jobs": "Jobs that are there now: waiting for their first turn, or running.",
    "riffd_step_seconds": "Seconds of the cores that a denoising step took.",
    "riffd_real_time_factor":
      "Seconds of sound made in a second of computing, in a model's last job.",
    "riffd_sound_seconds_total": "Seconds of sound handed to callers.",
    "riffd_sent_bytes_total": "Bytes of sound and pictures handed to callers.",
    "riffd_received_bytes_total": "Bytes of uploads.",
    "riffd_upload_bytes": "Bytes of uploads that lie in the spool now.",
    "riffd_underruns_total": "Times that a jam's listener had nothing left to hear.",
    "riffd_memory_bytes": "Resident memory of the process.",
    "riffd_model_memory_bytes": "Bytes that a model's weights take in memory.",
    "riffd_models_in_memory": "Models whose weights are in memory.",
    "riffd_connections": "Clients that are connected.",
  ]

  /// All of it, as Prometheus reads it.
  ///
  /// - Throws: `JobError` where the system has no thread to give.
  func text() async throws -> String {
    let status = self.studio.status()
    let queued = status.jobs.count { $0.progress.stage == .queued }
    self.set("riffd_jobs", [("state", "queued")], queued)
    self.set("riffd_jobs", [("state", "running")], status.jobs.count - queued)
    self.set("riffd_upload_bytes", [], status.uploadBytes)
    self.set("riffd_connections", [], self.connections())
    self.set("riffd_memory_bytes", [], MemoryUse.now().resident)
    let models = try await self.studio.residentModels()
    for model in models {
      self.set("riffd_model_memory_bytes", [("model", model.name)], model.bytes)
    }
    self.set("riffd_models_in_memory", [], models.count { $0.bytes > 0 })
    return self.registry.text
  }

  private func set(_ label: String, _ dimensions: [(String, String)], _ value: Int) {
    Meter(label: label, dimensions: dimensions, factory: self.registry).set(value)
  }
}
