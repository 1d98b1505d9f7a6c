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
  let started = ContinuousClock.now

  /// - Parameter logPath: Where the log is, for who asks; empty if it is no file.
  public init(studio: Studio, logger: Logger, logPath: String = "") {
    self.studio = studio
    self.logger = logger
    self.logPath = logPath
  }

  public func generate(
    request: Riff_V1_GenerateRequest, response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      var faults = RequestFaults()
      let job = GenerateJob(request, &faults)
      try await self.relay(self.studio.generate(job, faults: faults), to: response)
    }
  }

  public func remix(
    request: RPCAsyncSequence<Riff_V1_RemixRequest, any Error>,
    response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      let job = try await self.receive(request) { options, file, faults in
        try self.studio.admit(RemixJob(options, file: file, &faults), faults: faults)
      }
      try await self.relay(self.studio.run(job), to: response)
    }
  }

  public func render(
    request: RPCAsyncSequence<Riff_V1_RenderRequest, any Error>,
    response: RPCWriter<Riff_V1_JobEvent>, context: ServerContext
  ) async throws {
    try await self.answering(context) {
      let job = try await self.receive(request) { options, file, faults in
        try self.studio.admit(RenderJob(options, file: file, &faults), faults: faults)
      }
      try await self.relay(self.studio.run(job), to: response)
    }
  }

  public func analyze(
    request: RPCAsyncSequence<Riff_V1_AnalyzeRequest, any Error>, context: ServerContext
  ) async throws -> Riff_V1_AnalyzeResponse {
    try await self.answering(context) {
      let job = try await self.receive(request) { options, file, faults in
        try self.studio.admit(AnalyzeJob(options, file: file, &faults), faults: faults)
      }
      let analysis = try await Analysis(self.studio.run(job))
      return .with {
        $0.png = Data(analysis.png)
        $0.warnings = analysis.warnings
      }
    }
  }

  public func status(
    request: Riff_V1_StatusRequest, context: ServerContext
  ) async throws -> Riff_V1_StatusResponse {
    var response = Riff_V1_StatusResponse(
      self.studio.status(), threads: self.studio.threads, started: self.started)
    response.logPath = self.logPath
    return response
  }

  public func listModels(
    request: Riff_V1_ListModelsRequest, context: ServerContext
  ) async throws -> Riff_V1_ListModelsResponse {
    try await self.answering(context) {
      let models = try await self.studio.models()
      return .with { $0.models = models.map(Riff_V1_Model.init) }
    }
  }

  public func watchStatus(
    request: Riff_V1_WatchStatusRequest, response: RPCWriter<Riff_V1_StatusResponse>,
    context: ServerContext
  ) async throws {
    throw RPCError(code: .unimplemented, message: "this daemon cannot be watched yet")
  }

  public func cancelJob(
    request: Riff_V1_CancelJobRequest, context: ServerContext
  ) async throws -> Riff_V1_CancelJobResponse {
    throw RPCError(code: .unimplemented, message: "this daemon cannot cancel jobs yet")
  }

  public func loadModel(
    request: Riff_V1_LoadModelRequest, response: RPCWriter<Riff_V1_JobEvent>,
    context: ServerContext
  ) async throws {
    throw RPCError(code: .unimplemented, message: "this daemon cannot load models yet")
  }

  public func unloadModel(
    request: Riff_V1_UnloadModelRequest, context: ServerContext
  ) async throws -> Riff_V1_UnloadModelResponse {
    throw RPCError(code: .unimplemented, message: "this daemon cannot unload models yet")
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
      try await response.write(Riff_V1_JobEvent(event))
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
