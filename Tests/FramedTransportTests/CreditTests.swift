import FramedTransport
import NIOCore
import Testing

/// framing.md, section 5: both sides of the credit arithmetic.
@Suite struct CreditTests {
  @Test func followsTheSpecificationsExample() {
    var window = ReceiveWindow()
    var queue = SendQueue()
    queue.append([UInt8](repeating: 1, count: 100_000), write: 1)
    queue.append([UInt8](repeating: 2, count: 300_000), write: 2)

    #expect(self.sendAll(&queue, &window) == [65_536, 34_464, 65_536, 65_536, 31_072])
    #expect(queue.credit == 0 && window.credit == 0)
    #expect(window.grant() == nil)

    window.take()
    #expect(self.grant(&window, &queue) == 100_000)
    #expect(self.sendAll(&queue, &window) == [65_536, 34_464])

    window.awaitMessage()
    #expect(self.grant(&window, &queue) == 262_144)
    #expect(self.sendAll(&queue, &window) == [37_856])
    #expect(queue.credit == 224_288 && window.credit == 224_288)

    // The last fragment came while the message was awaited, so its cost is owed; it is too little to
    // send.
    window.take()
    #expect(window.grant() == nil)
  }

  @Test func heldBackUntilTaken() {
    var window = ReceiveWindow()
    for _ in 0..<4 { #expect(window.receive(cost: 65_536, isLast: true) == true) }
    #expect(window.receive(cost: 1, isLast: true) == false)
    #expect(window.grant() == nil)
    // Messages are there, so nobody waits.
    window.awaitMessage()
    #expect(window.grant() == nil)
    for _ in 0..<4 {
      window.take()
      #expect(window.grant() == 65_536)
    }
    window.take()
    #expect(window.grant() == nil)
  }

  @Test func emptyMessagesCostSomething() {
    var window = ReceiveWindow()
    for _ in 0..<ReceiveWindow.initialCredit {
      guard window.receive(cost: ReceiveWindow.cost(ofFragment: 0), isLast: true) else {
        Issue.record("refused too early")
        return
      }
    }
    #expect(window.receive(cost: ReceiveWindow.cost(ofFragment: 0), isLast: true) == false)
  }

  @Test func creditHasALimit() {
    var queue = SendQueue()
    #expect(queue.grant(Int(Int32.max) - 262_144) == true)
    #expect(queue.grant(1) == false)
    #expect(queue.credit == Int(Int32.max))
  }

  @Test func closingFollowsTheMessages() {
    var queue = SendQueue()
    queue.append([1], write: 1)
    queue.close(.halfClose)
    queue.close(.halfClose)
    #expect(queue.next() == .fragment(ByteBuffer(bytes: [1]), write: 1))
    #expect(queue.next() == .closing(.halfClose))
    #expect(queue.next() == nil)
    #expect(!queue.isReady)
  }

  @Test func emptyMessageIsOneFragment() {
    var queue = SendQueue()
    queue.append([], write: 4)
    #expect(queue.next() == .fragment(ByteBuffer(), write: 4))
    #expect(queue.credit == ReceiveWindow.initialCredit - 1)
  }

  @Test func cancellingAWrite() {
    var queue = SendQueue()
    queue.append([UInt8](repeating: 0, count: 100_000), write: 1)
    queue.append([3], write: 2)
    #expect(queue.cancel(2) == .unsent)
    #expect(queue.cancel(2) == .unknown)
    _ = queue.next()
    #expect(queue.cancel(1) == .halfSent)
    #expect(queue.next() == nil)
  }

  private func sendAll(_ queue: inout SendQueue, _ window: inout ReceiveWindow) -> [Int] {
    var sizes: [Int] = []
    while case .fragment(let fragment, let write) = queue.next() {
      sizes.append(fragment.readableBytes)
      let cost = ReceiveWindow.cost(ofFragment: fragment.readableBytes)
      #expect(window.receive(cost: cost, isLast: write != nil) == true)
    }
    return sizes
  }

  private func grant(_ window: inout ReceiveWindow, _ queue: inout SendQueue) -> Int? {
    let bytes = window.grant()
    if let bytes { #expect(queue.grant(bytes) == true) }
    return bytes
  }
}
