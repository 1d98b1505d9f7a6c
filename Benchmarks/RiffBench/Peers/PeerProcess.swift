import Foundation

/// A Python program that is asked in lines and answers each with one.
final class PeerProcess {
  private let process = Process()
  private let requests = Pipe()
  private let answers: LineReader

  /// - Parameter environment: What differs from this process's.
  init(python: String, _ arguments: [String], environment: [String: String] = [:]) throws {
    let answers = Pipe()
    self.answers = LineReader(answers.fileHandleForReading)
    self.process.executableURL = URL(fileURLWithPath: python)
    self.process.arguments = arguments
    self.process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    self.process.standardInput = self.requests
    self.process.standardOutput = answers
    try self.process.run()
  }

  /// The process ends at the end of its input.
  deinit {
    try? self.requests.fileHandleForWriting.close()
    self.process.waitUntilExit()
  }

  /// What follows `word` in the answer.
  ///
  /// - Throws: ``Peer/Failure`` when the answer is another, or none.
  func ask(_ request: String, answer word: String) throws -> String {
    try self.requests.fileHandleForWriting.write(contentsOf: Data("\(request)\n".utf8))
    guard let line = self.answers.next() else {
      throw Peer.Failure(description: "the peer ended while it was asked to \(request)")
    }
    guard line.hasPrefix("\(word) ") else {
      throw Peer.Failure(description: "asked to \(request), the peer answered: \(line)")
    }
    return String(line.dropFirst(word.count + 1))
  }

  /// The numbers that follow `word` in the answer, `count` of them.
  func numbers(_ request: String, answer word: String, count: Int) throws -> [Double] {
    let answer = try self.ask(request, answer: word)
    let numbers = answer.split(separator: " ").compactMap { Double($0) }
    guard numbers.count == count else {
      throw Peer.Failure(description: "asked to \(request), the peer \(word) \(answer)")
    }
    return numbers
  }
}
