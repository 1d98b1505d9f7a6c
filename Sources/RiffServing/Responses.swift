import GRPCCore
import GRPCProtobuf
import Provenance
import Riff
import RiffProtocol
import Spectrogram
import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension Riff_V1_JobEvent {
  init(_ event: JobEvent) {
    self.init()
    switch event {
    case .started(let start): self.started = Riff_V1_Started(start)
    case .progress(let progress): self.progress = Riff_V1_Progress(progress)
    case .spectrogram(let bytes): self.spectrogram = Data(bytes)
    case .windowPicture(let bytes, let column):
      self.spectrogram = Data(bytes)
      self.firstColumn = UInt64(column)
    case .audio(let bytes): self.audio = Data(bytes)
    case .warning(let message): self.warning = message
    case .changed(let id, let sample):
      self.change = .with {
        $0.id = id
        $0.sample = UInt64(sample)
      }
    case .done(let summary): self.done = Riff_V1_Done(summary)
    }
  }
}

extension Riff_V1_Started {
  init(_ start: JobStart) {
    self.init()
    self.jobID = start.id
    self.seed = start.seed
    self.model = start.model
    self.modelFingerprint = start.modelFingerprint
    self.settings = start.recipe.settings.map { setting in
      .with {
        $0.name = setting.name
        $0.value = setting.value
      }
    }
  }
}

extension Riff_V1_Stage {
  init(_ stage: JobStage) {
    switch stage {
    case .queued: self = .queued
    case .loading: self = .loading
    case .encoding: self = .encoding
    case .denoising: self = .denoising
    case .decoding: self = .decoding
    case .sound: self = .sound
    }
  }
}

extension Riff_V1_Progress {
  init(_ progress: JobProgress) {
    self.init()
    self.stage = Riff_V1_Stage(progress.stage)
    // Encoding or decoding in one piece has nothing to count.
    if progress.stage == .denoising || progress.steps > 1 {
      self.step = UInt32(clamping: progress.step)
      self.steps = UInt32(clamping: progress.steps)
    }
    self.secondsDone = progress.secondsDone
    self.queuePosition = UInt32(clamping: progress.queuePosition)
    self.window = UInt32(clamping: progress.window)
    self.windows = UInt32(clamping: progress.windows)
    if let left = progress.secondsLeft { self.secondsLeft = left }
  }
}

extension Riff_V1_Done {
  init(_ summary: JobSummary) {
    self.init()
    self.jobID = summary.id
    self.seed = summary.seed
    self.durationSamples = UInt64(summary.sampleCount)
    self.channels = UInt32(summary.channelCount)
    self.header = Data(summary.head)
    self.timings = summary.timings.map { timing in
      .with {
        $0.stage = Riff_V1_Stage(timing.stage)
        $0.seconds = timing.seconds
      }
    }
  }
}

extension Riff_V1_StatusResponse {
  init(
    _ status: StudioStatus, threads: Int, started: ContinuousClock.Instant,
    connections: ConnectionCounts
  ) {
    self.init()
    let now = ContinuousClock.now
    self.version = DaemonVersion.current
    self.pid = UInt32(getpid())
    self.uptimeSeconds = (now - started) / .seconds(1)
    self.threads = UInt32(threads)
    self.jobs = status.jobs.map { job in
      .with {
        $0.id = job.id
        $0.method = job.method
        $0.title = job.title
        $0.progress = Riff_V1_Progress(job.progress)
        $0.ageSeconds = (now - job.started) / .seconds(1)
      }
    }
    self.jobsDone = status.jobsDone
    self.jobsCancelled = status.jobsCancelled
    self.jobsFailed = status.jobsFailed
    self.peakMemoryBytes = Self.peakMemory()
    self.uploadBytes = UInt64(clamping: status.uploadBytes)
    self.uploadBytesLimit = UInt64(clamping: status.uploadBytesLimit)
    self.memoryBytes = UInt64(clamping: MemoryUse.now().resident)
    self.peakMemoryBytes = max(self.peakMemoryBytes, self.memoryBytes)
    self.jobsLimit = UInt32(clamping: status.jobsLimit)
    self.jobsLimitPerConnection = UInt32(clamping: status.jobsLimitPerConnection)
    self.connections = UInt32(clamping: connections.connections)
    self.connectionsLimit = UInt32(clamping: connections.connectionsLimit)
    self.streamsLimit = UInt32(clamping: connections.streamsLimit)
    self.paces = status.paces.map { pace in
      .with {
        $0.model = pace.model
        $0.stepSeconds = pace.stepSeconds
        $0.width = UInt32(clamping: pace.width)
        $0.realTimeFactor = pace.realTimeFactor
        $0.precision = pace.precision?.rawValue ?? ""
      }
    }
  }

  #if canImport(Glibc)
    private static let ownProcess = RUSAGE_SELF.rawValue
  #else
    private static let ownProcess = RUSAGE_SELF
  #endif

  private static func peakMemory() -> UInt64 {
    var usage = rusage()
    guard getrusage(Self.ownProcess, &usage) == 0 else { return 0 }
    // Linux counts in KiB.
    return UInt64(max(usage.ru_maxrss, 0)) << 10
  }
}

extension Riff_V1_Model {
  init(_ model: ModelDescription) {
    self.init()
    self.name = model.name
    self.path = model.path
    self.loaded = model.residentBytes > 0
    self.residentBytes = UInt64(clamping: model.residentBytes)
    switch model.details {
    case .success(let details):
      self.description_p = details.summary
      self.defaultWidth = UInt32(clamping: details.defaultWidth)
      self.defaultHeight = UInt32(clamping: details.defaultHeight)
      self.widthMultiple = UInt32(clamping: details.widthMultiple)
      self.heightMultiple = UInt32(clamping: details.heightMultiple)
      self.maxWidth = UInt32(clamping: details.maxWidth)
      self.defaultSteps = UInt32(clamping: details.defaultSteps)
      self.defaultGuidanceScale = Float(details.defaultGuidanceScale)
      self.defaultGuidanceStart = details.defaultGuidanceStart
      self.defaultGuidanceStop = details.defaultGuidanceStop
      self.remixStrength = details.remixStrength
      self.schedulers = details.schedulers
      self.fingerprint = details.fingerprint
      self.warnings = details.warnings
      self.precision = details.precision.rawValue
      self.loras = details.loras.map { use in
        .with {
          $0.name = use.name
          $0.weight = use.weight
        }
      }
      self.spectrogram = Riff_V1_SpectrogramOptions(details.spectrogram, maximum: details.maximum)
    case .failure(let error):
      self.problem = error.description
    }
  }
}

extension Riff_V1_KnownLoRA {
  init(_ lora: LoRADescription) {
    self.init()
    self.name = lora.name
    self.path = lora.path
    switch lora.details {
    case .success(let details):
      self.rank = UInt32(clamping: details.rank)
      self.fingerprint = details.fingerprint
    case .failure(let error): self.problem = error.description
    }
  }
}

extension Riff_V1_SpectrogramOptions {
  init(_ parameters: SpectrogramParameters, maximum: Double) {
    self.init()
    self.sampleRate = UInt32(clamping: parameters.sampleRate)
    self.stereo = parameters.stereo
    self.stepMs = UInt32(clamping: parameters.stepMilliseconds)
    self.windowMs = UInt32(clamping: parameters.windowMilliseconds)
    self.paddedMs = UInt32(clamping: parameters.paddedMilliseconds)
    self.melBins = UInt32(clamping: parameters.melBins)
    self.minFrequency = UInt32(clamping: parameters.minFrequency)
    self.maxFrequency = UInt32(clamping: parameters.maxFrequency)
    self.power = parameters.power
    self.maximum = maximum
  }
}

extension GoogleRPCStatus {
  /// The canonical code for a job's failure, with the field at fault as a detail.
  init(_ error: JobError) {
    switch error.kind {
    case .invalidArgument:
      self.init(
        code: .invalidArgument, message: error.description,
        details: [
          .badRequest(
            violations: error.violations.map {
              .init(field: $0.field, description: $0.message)
            })
        ])
    case .notFound(let field):
      self.init(
        code: .notFound, message: error.description,
        details: [
          .badRequest(violations: [
            .init(field: field, description: error.message)
          ])
        ])
    case .failedPrecondition:
      self.init(code: .failedPrecondition, message: error.description, details: [])
    case .resourceExhausted:
      self.init(
        code: .resourceExhausted, message: error.description,
        details: error.retryDelay.map { [.retryInfo(delay: .seconds($0))] } ?? [])
    case .abandoned:
      self.init(code: .cancelled, message: error.description, details: [])
    case .internal:
      self.init(code: .internalError, message: error.description, details: [])
    }
  }
}
