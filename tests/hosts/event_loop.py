"""In a coroutine, while its event loop runs, and other threads beside it."""

import asyncio

from host import called


async def main():
    check, arguments = called()
    await asyncio.to_thread(int)  # leaves a thread of the loop's own behind
    check(*arguments)


if __name__ == "__main__":
    asyncio.run(main())
