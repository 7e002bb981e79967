# ruff: noqa: RUF001 - some letters of other scripts look like Latin ones
"""Made-up content of the demo: texts in many scripts, and telephone numbers that are assigned to nobody."""

from __future__ import annotations

from typing import Final

BODIES: Final = (
    "Your code is {number}. It works for 10 minutes.",
    "Hi {name}, your table for {small} is booked. Reply 1 to confirm, 2 to cancel.",
    'She said "on my way" 🚗💨\nThen silence.',
    "Reminder: dentist, tomorrow 09:{two}. Path C:\\temp\\{number} is gone, too.",
    "Grüße aus Köln, {name}! Die Straßenbahn kommt um 17:{two} — größtenteils pünktlich.",
    "Ça y est, {name} : le colis n° {number} est arrivé à l’accueil. À bientôt !",
    "¡Feliz cumpleaños, {name}! 🎂🎉 Nos vemos a las 20:{two}.",
    "Olá {name}, a sua encomenda {number} já saiu. Até já!",
    "Cześć {name}, paczka {number} czeka w paczkomacie. Odbierz do środy.",
    "Merhaba {name}, şifreniz {number}. Kimseyle paylaşmayın.",
    "Xin chào {name}, mã xác nhận của bạn là {number}.",
    "Γεια σου {name}, το ραντεβού σας είναι στις 18:{two}. Ευχαριστούμε!",
    "Здравствуйте, {name}! Ваш заказ {number} готов к выдаче.",
    "Доброго ранку, {name}! Ваш код: {number} 🌻",
    "გამარჯობა, {name}! თქვენი კოდია {number}.",
    "Բարև, {name}, ձեր կոդն է {number}։",
    "שלום {name}, הקוד שלך הוא {number}.",
    "مرحبا {name}، رمز التحقق الخاص بك هو {number}.",
    "سلام {name}، سفارش شما با شمارهٔ {number} ارسال شد.",
    "नमस्ते {name}, आपका ओटीपी {number} है।",
    "হ্যালো {name}, আপনার কোড {number}।",
    "வணக்கம் {name}, உங்கள் குறியீடு {number}.",
    "สวัสดีคุณ {name} รหัสของคุณคือ {number}",
    "សួស្តី {name} លេខកូដរបស់អ្នកគឺ {number}",
    "ሰላም {name}፣ ኮድዎ {number} ነው።",
    "{name}您好，您的验证码是{number}，10分钟内有效。",
    "{name}様、ご予約番号は{number}です。お待ちしております🙇‍♀️",
    "{name}님, 인증번호는 [{number}]입니다.",
    "𝒮𝑒𝑒 𝓎𝑜𝓊 @ 8 👋🏽 {name} — 👨‍👩‍👧‍👦 all of us 🏳️‍🌈🇺🇳",
    "STOP",
    "👍",
    "",
)
"""Bodies of messages. `{name}`, `{number}`, `{two}` and `{small}` are filled in; one body in this list is empty."""

NAMES: Final = (
    "Ada",
    "Ángel",
    "Ayşe",
    "Björn",
    "Chiamaka",
    "Đorđe",
    "Eleni",
    "Fatma",
    "Grzegorz",
    "Иван",
    "Lê Anh",
    "María José",
    "Nguyễn",
    "O’Connor",
    "Олена",
    "Siobhán",
    "Zoë",
    "علي",
    "דנה",
    "अर्जुन",
    "さくら",
    "王芳",
    "민준",
)

ROOMS: Final = (
    "Monday round",
    "Répétition générale",
    "Projektbesprechung №{small}",
    "全体会議 {small}",
    "Планёрка",
    "stand-up 🧍",
    "اجتماع الفريق",
    "war room {number}",
)
"""Names of conferences."""

NUMBERS: Final = (
    "+120255501{pair}",
    "+15005550{three}",
    "+447700900{three}",
    "+33639980{three}",
    "+61491570{three}",
    "+493023125{three}",
)
"""Shapes of telephone numbers, from ranges that are kept free for films and tests."""
