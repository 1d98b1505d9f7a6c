import GRPCCore
import Riff
import RiffProtocol

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A request message of an upload: options first, then chunks.
protocol UploadPart: Sendable {
  associatedtype Options: Sendable
  var piece: UploadPiece<Options>? { get }
}

enum UploadPiece<Options: Sendable>: Sendable {
  case options(Options)
  case chunk(Data)
}

/// Takes uploads in: options first, on which the job is admitted or refused, then the file's bytes, to
/// the spool.
struct UploadReceiver {
  let spool: UploadSpool

  /// - Parameter admit: Checks the options and admits the job of an upload that is still empty.
  /// - Returns: the job, its upload complete.
  /// - Throws: ``JobError`` of kind `invalidArgument` when the order is not that of `riff.proto`, or as
  ///   soon as there are too many bytes; what `admit` throws, before the second message is read.
  func receive<Part: UploadPart>(
    _ parts: RPCAsyncSequence<Part, any Error>,
    _ admit: (Part.Options, Upload, inout RequestFaults) throws -> AdmittedJob
  ) async throws -> AdmittedJob {
    var job: AdmittedJob?
    do {
      for try await part in parts {
        switch (part.piece, job) {
        case (.options(let options), nil):
          var faults = RequestFaults()
          job = try admit(options, try self.spool.open(), &faults)
        case (.options, _?):
          throw JobError(
            .invalidArgument(field: "options"), "given twice; only the first message has them")
        case (.chunk(let data), let job?): try await job.append(data)
        case (.chunk, nil): throw Self.withoutOptions
        case (nil, _):
          // A part of a later version of the protocol.
          continue
        }
      }
      guard let job else { throw Self.withoutOptions }
      guard job.upload.count > 0 || !job.needsFile else {
        throw JobError(.invalidArgument(field: "chunk"), "the upload is empty")
      }
      return job
    } catch {
      job?.fail(Self.isEndOfCall(error) ? CancellationError() : error)
      throw error
    }
  }

  /// Whether the caller left, or its deadline passed: nothing is wrong with the job.
  private static func isEndOfCall(_ error: any Error) -> Bool {
    switch (error as? RPCError)?.code {
    case .cancelled?, .deadlineExceeded?, .unavailable?: true
    default: false
    }
  }

  private static let withoutOptions = JobError(
    .invalidArgument(field: "options"), "missing; the first message must have them")
}

extension Riff_V1_RemixRequest: UploadPart {
  var piece: UploadPiece<Riff_V1_RemixOptions>? {
    switch self.part {
    case .options(let options): .options(options)
    case .chunk(let data): .chunk(data)
    case nil: nil
    }
  }
}

extension Riff_V1_MorphRequest: UploadPart {
  var piece: UploadPiece<Riff_V1_MorphOptions>? {
    switch self.part {
    case .options(let options): .options(options)
    case .chunk(let data): .chunk(data)
    case nil: nil
    }
  }
}

extension Riff_V1_RenderRequest: UploadPart {
  var piece: UploadPiece<Riff_V1_RenderOptions>? {
    switch self.part {
    case .options(let options): .options(options)
    case .chunk(let data): .chunk(data)
    case nil: nil
    }
  }
}

extension Riff_V1_AnalyzeRequest: UploadPart {
  var piece: UploadPiece<Riff_V1_AnalyzeOptions>? {
    switch self.part {
    case .options(let options): .options(options)
    case .chunk(let data): .chunk(data)
    case nil: nil
    }
  }
}
