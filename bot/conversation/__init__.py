"""The heart: what happens to one message, from arrival to delivered replies.

``service``  the way of one message: store, wait for its turn, answer, deliver
``events``   telling those who listen to a conversation that something new is there
``store``    what the service needs of storage
"""
