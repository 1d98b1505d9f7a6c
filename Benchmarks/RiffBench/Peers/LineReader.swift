import Foundation

/// The lines of a pipe, waited for.
final class LineReader: IteratorProtocol {
  private let handle: FileHandle
  private var buffer = Data()

  init(_ handle: FileHandle) { self.handle = handle }

  /// The next line without its end; nil once the other side has closed.
  func next() -> String? {
    while true {
      if let end = self.buffer.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: self.buffer[..<end], as: UTF8.self)
        self.buffer = Data(self.buffer[(end + 1)...])
        return line
      }
      let more = self.handle.availableData
      guard !more.isEmpty else { return nil }
      self.buffer.append(more)
    }
  }
}
