public import GRPCCore
import GRPCProtobuf
public import Logging
public import Riff
public import RiffProtocol
import SwiftProtobuf

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The methods of `riff.proto`, each a translation to a job of the studio and back.
public struct RiffService: Riff_V1_Riff.SimpleServiceProtocol {
  let studio: Studio
  let logger: Logger
  let logPath: String
  let connections: @Sendable () -> ConnectionCounts
  let started = ContinuousClock.now

  /// - Parameters:
  ///   - studio: Where the jobs run.
  ///   - logger: Told why a job failed, a notice each.
  ///   - logPath: Where the log is, for who asks; empty if it is not a file.
  ///   - connections: What the transport has open, for `Status`.
  public init(
    studio: Studio, logger: Logger, logPath: String = "",
    connections: @escaping @Sendable () -> ConnectionCounts = { ConnectionCounts() }
  ) {
    self.studio = studio
    self.logger = logger
    self.logPath = logPath
    self.connections = connections
  }

  public func generate(
    request: Riff_V1_GenerateRequest, response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      var faults = RequestFaults()
      let job = GenerateJob(request, &faults)
      try await self.relay(
        self.studio.generate(job, faults: faults, owner: Self.owner(context)), to: response)
    }
  }

  public func remix(
    request: RPCAsyncSequence<Riff_V1_RemixRequest, any Error>,
    response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      let job = try await self.receive(request) { options, file, faults in
        try self.studio.admit(
          RemixJob(options, file: file, &faults), faults: faults, owner: Self.owner(context))
      }
      try await self.relay(self.studio.run(job), to: response)
    }
  }

  public func morph(
    request: RPCAsyncSequence<Riff_V1_MorphRequest, any Error>,
    response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      let job = try await self.receive(request) { options, file, faults in
        try self.studio.admit(
          MorphJob(options, file: file, &faults), faults: faults, owner: Self.owner(context))
      }
      try await self.relay(self.studio.run(job), to: response)
    }
  }

  public func jam(
    request: RPCAsyncSequence<Riff_V1_JamRequest, any Error>,
    response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      let receiver = JamReceiver()
      let (jobs, begin) = AsyncStream.makeStream(of: JobEvents.self)
      try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
          defer { begin.finish() }
          try await receiver.receive(request) { options in
            var faults = RequestFaults()
            let job = JamJob(options, inbox: receiver.inbox, &faults)
            begin.yield(self.studio.jam(job, faults: faults, owner: Self.owner(context)))
          }
          return false
        }
        group.addTask {
          for await events in jobs {
            try await self.relay(events, to: response)
            return true
          }
          return false
        }
        // It plays on when no more changes come, and nothing is read any more when it has ended.
        var hasEnded = false
        while !hasEnded, let isEnd = try await group.next() { hasEnded = isEnd }
        group.cancelAll()
        while let result = await group.nextResult() {
          // Who was told to stop reading has nothing more to say.
          if !hasEnded { _ = try result.get() }
        }
      }
    }
  }

  public func render(
    request: RPCAsyncSequence<Riff_V1_RenderRequest, any Error>,
    response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      let job = try await self.receive(request) { options, file, faults in
        try self.studio.admit(
          RenderJob(options, file: file, &faults), faults: faults, owner: Self.owner(context))
      }
      try await self.relay(self.studio.run(job), to: response)
    }
  }

  public func analyze(
    request: RPCAsyncSequence<Riff_V1_AnalyzeRequest, any Error>, context: ServerContext
  ) async throws -> Riff_V1_AnalyzeResponse {
    try await self.answering(context) {
      let job = try await self.receive(request) { options, file, faults in
        try self.studio.admit(
          AnalyzeJob(options, file: file, &faults), faults: faults, owner: Self.owner(context))
      }
      let id = job.id
      let analysis = try await Analysis(self.studio.run(job))
      return .with {
        $0.png = Data(analysis.png)
        $0.warnings = analysis.warnings
        $0.jobID = id
      }
    }
  }

  public func status(
    request: Riff_V1_StatusRequest, context: ServerContext
  ) async throws -> Riff_V1_StatusResponse {
    self.currentStatus()
  }

  private func currentStatus() -> Riff_V1_StatusResponse {
    var response = Riff_V1_StatusResponse(
      self.studio.status(), threads: self.studio.threads, started: self.started,
      connections: self.connections())
    response.logPath = self.logPath
    return response
  }

  public func listModels(
    request: Riff_V1_ListModelsRequest, context: ServerContext
  ) async throws -> Riff_V1_ListModelsResponse {
    try await self.answering(context) {
      let models = try await self.studio.models()
      let loras = try await self.studio.knownLoRAs()
      return .with {
        $0.models = models.map(Riff_V1_Model.init)
        $0.loras = loras.map(Riff_V1_KnownLoRA.init)
      }
    }
  }

  public func watchStatus(
    request: Riff_V1_WatchStatusRequest, response: RPCWriter<Riff_V1_StatusResponse>,
    context: ServerContext
  ) async throws {
    let interval = request.hasIntervalSeconds ? request.intervalSeconds : 1
    // Written so that NaN fails.
    guard interval >= 0.1, interval <= 3_600 else {
      throw GoogleRPCStatus(
        JobError(
          .invalidArgument(field: "interval_seconds"),
          "interval_seconds must be 0.1 to 3600, not \(interval)"))
    }
    try await self.answering(context) {
      let clock = ContinuousClock()
      while true {
        let status = self.currentStatus()
        try await response.write(status)
        // Whatever begins or ends is told at once, the rest at the interval.
        let next = clock.now + .seconds(interval)
        while clock.now < next {
          try await clock.sleep(until: min(next, clock.now + .seconds(0.1)))
          let jobs = self.studio.status().jobs
          if jobs.map(\.id) != status.jobs.map(\.id)
            || jobs.map({ Riff_V1_Stage($0.progress.stage) })
              != status.jobs.map(\.progress.stage)
          {
            break
          }
        }
      }
    }
  }

  public func cancelJob(
    request: Riff_V1_CancelJobRequest, context: ServerContext
  ) async throws -> Riff_V1_CancelJobResponse {
    try await self.answering(context) {
      try self.studio.cancel(job: request.jobID)
      return Riff_V1_CancelJobResponse()
    }
  }

  public func loadModel(
    request: Riff_V1_LoadModelRequest, response: RPCWriter<Riff_V1_JobEvent>,
    context: ServerContext
  ) async throws {
    try await self.answering(context) {
      let job = LoadModelJob(
        model: request.model,
        keepAliveSeconds: request.hasKeepAliveSeconds ? request.keepAliveSeconds : nil)
      try await self.relay(
        self.studio.load(job, owner: Self.owner(context)), to: response)
    }
  }

  public func unloadModel(
    request: Riff_V1_UnloadModelRequest, context: ServerContext
  ) async throws -> Riff_V1_UnloadModelResponse {
    try await self.answering(context) {
      let bytes = try await self.studio.unload(model: request.model)
      return .with { $0.freedBytes = UInt64(clamping: bytes) }
    }
  }

  /// What tells the caller's connection from others: a digest (FNV-1a) of what the transport calls it.
  private static func owner(_ context: ServerContext) -> UInt64 {
    context.remotePeer.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  /// Takes an upload in whose job has been admitted on its first message.
  private func receive<Part: UploadPart>(
    _ parts: RPCAsyncSequence<Part, any Error>,
    _ admit: (Part.Options, Upload, inout RequestFaults) throws -> AdmittedJob
  ) async throws -> AdmittedJob {
    try await UploadReceiver(spool: self.studio.uploads).receive(parts, admit)
  }

  /// Sends a job's events until it ends; the job ends with the call.
  private func relay(_ events: JobEvents, to response: RPCWriter<Riff_V1_JobEvent>) async throws {
    for try await event in events {
      var message = Riff_V1_JobEvent(event)
      message.jobID = events.id
      try await response.write(message)
    }
  }

  /// Runs a method's work in a task that ends when the call does, and tells its errors as statuses.
  private func answering<R: Sendable>(
    _ context: ServerContext, _ work: @escaping @Sendable () async throws -> R
  ) async throws -> R {
    // Cancelling an RPC does not cancel the task that serves it; a job must hear of both.
    let task = Task { try await work() }
    do {
      return try await withTaskCancellationHandler {
        try await withRPCCancellationHandler {
          try await task.value
        } onCancelRPC: {
          task.cancel()
        }
      } onCancel: {
        task.cancel()
      }
    } catch is CancellationError {
      throw RPCError(code: .cancelled, message: "the call was cancelled and its work stopped")
    } catch let error as JobError {
      self.logger.notice(
        "\(context.descriptor.method) failed", metadata: ["reason": "\(error)"])
      throw GoogleRPCStatus(error).naming(ViolationPath(method: context.descriptor.method))
    }
  }
}
