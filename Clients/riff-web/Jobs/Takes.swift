import RiffProtocol
import SwiftProtobuf
import Synchronization

/// The takes of this visit: at most 200 MB of samples; the oldest go.
final class Takes: Sendable {
  static let limit = 200_000_000
  private let state = Mutex(State())

  private struct State {
    var next = 1
    var takes: [Take] = []
  }

  /// A take that grows; nil where no file can be made.
  func begin(method: String, channels: Int, _ settings: [Riff_V1_Setting]) -> Take? {
    guard let file = UnnamedFile() else { return nil }
    return self.state.withLock { state in
      let take = Take(
        id: state.next, method: method, channels: channels, settings, file: file, store: self)
      state.next += 1
      state.takes.append(take)
      return take
    }
  }

  subscript(id: Int) -> Take? {
    self.state.withLock { $0.takes.first { $0.id == id } }
  }

  /// Lets the oldest go until so many bytes fit; false where `take` itself would have to go.
  func makeRoom(_ bytes: Int, for take: Take) -> Bool {
    self.state.withLock { state in
      while state.takes.reduce(bytes, { $0 + $1.bytes }) > Self.limit {
        guard let index = state.takes.firstIndex(where: { $0 !== take }) else { return false }
        state.takes.remove(at: index)
      }
      return true
    }
  }

  /// `[{"id","method","seconds","channels","finished","settings":[{"name","value"}]}]`, oldest first.
  func json() throws -> String {
    let takes = self.state.withLock { $0.takes }
    let lines = try takes.map { take in
      let settings = try take.settings.map { try $0.jsonString() }.joined(separator: ",")
      return
        #"{"id":\#(take.id),"method":"\#(take.method)","seconds":\#(Double(take.frames) / 48_000),"#
        + #""channels":\#(take.channels),"finished":\#(take.isFinished),"settings":[\#(settings)]}"#
    }
    return "[\(lines.joined(separator: ","))]"
  }
}
